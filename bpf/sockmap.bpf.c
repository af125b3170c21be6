/* sockmap - the verdict on each segment that arrives on a socket of a flow: to the peer's socket
 * right here, or to the worker. There is no parser. Each byte of the stream goes one of these ways, once.
 *
 * A redirected segment counts as read at once, so nothing would hold back the sender: only what
 * the peer's send buffer has room for is redirected. So the queue between the sockets always drains
 * by itself, and memory is what socket buffers may take. What finds no room is passed: it waits
 * in the source's own receive buffer, whose window closes, until the worker has sent it on. As long as
 * bytes of a flow, either way, are in the worker's hands, all others go the same way: none overtakes.
 * The worker gets them by tcp_bpf_recvmsg(), so it must not wait for POLLIN: it is called (`calls`). */
/* SPDX-License-Identifier: (MIT OR GPL-2.0) */
#include <linux/bpf.h>

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>

#include "sockmap_abi.h"

/* Of the kernel's own, what is read; found by name in this kernel's BTF. */
#define KERNEL_TYPE __attribute__((preserve_access_index))

struct sock {
	int sk_wmem_queued;
	int sk_sndbuf;
} KERNEL_TYPE;

struct inet_sock {
	struct sock sk;
} KERNEL_TYPE;

struct inet_connection_sock {
	struct inet_sock icsk_inet;
} KERNEL_TYPE;

struct tcp_sock {
	struct inet_connection_sock inet_conn;
	__u32 write_seq;
	__u32 copied_seq;
} KERNEL_TYPE;

struct sk_buff {
	char cb[48];
} KERNEL_TYPE;

/* Sizes are set when it is loaded. Keys are socket cookies. */

/* The sockets whose segments come here. */
struct {
	__uint(type, BPF_MAP_TYPE_SOCKHASH);
	__uint(max_entries, 1);
	__type(key, __u64);
	__type(value, __u64);
} sources SEC(".maps");

/* Where the segments of a source go. Has no program of its own. */
struct {
	__uint(type, BPF_MAP_TYPE_SOCKHASH);
	__uint(max_entries, 1);
	__type(key, __u64);
	__type(value, __u64);
} peers SEC(".maps");

/* The slot of the half that begins at a source. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 1);
	__type(key, __u64);
	__type(value, __u32);
} places SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct sockmap_slot);
} slots SEC(".maps");

struct calls {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096);
};

/* One for each worker: numbers of slots that it should look at. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, 1);
	__type(key, __u32);
	__array(values, struct calls);
} workers SEC(".maps");

/* A guess at what a small buffer costs beyond its bytes; so many of them are no small thing. */
#define SEGMENT_COST 256

/* bpf_skb_adjust_room() takes off so much at a time; the largest segment needs it so often. */
#define CUT  4095
#define CUTS 64

/* The last segment need not fit whole, but something must be left for its head. */
#define MARGIN 4096

#define READ(x) (*(volatile typeof(x) *)&(x))

/* False: the ring is full. */
static __always_inline int call(struct sockmap_slot *h, __u32 slot)
{
	__u32 worker = h->worker;
	void *ring = bpf_map_lookup_elem(&workers, &worker);

	return ring && bpf_ringbuf_output(ring, &slot, sizeof(slot), BPF_RB_FORCE_WAKEUP) == 0;
}

/* True when the peer's send buffer will take everything that is queued for it and len bytes more. */
static __always_inline int has_room(struct sockmap_slot *h, const struct tcp_sock *peer, __u32 len)
{
	__u32 seq = peer->write_seq, written, queued;
	__s64 used = peer->inet_conn.icsk_inet.sk.sk_wmem_queued;
	__s64 room = peer->inet_conn.icsk_inet.sk.sk_sndbuf;

	if (h->rebase) {
		h->base = seq - (__u32)h->redirected;
		h->rebase = 0;
	}
	written = seq - h->base;
	queued = (__u32)h->redirected - written;
	if ((__s32)(written - h->mark) >= 0) {
		h->old = h->young;
		h->young = 0;
		h->mark = (__u32)h->redirected;
	}
	used += (__s64)queued + len + (__s64)SEGMENT_COST * ((__u32)h->old + h->young) + MARGIN;
	return used <= room && h->young < 0xffff;
}

static __always_inline int peer_has_room(struct sockmap_slot *h, __u64 *cookie, __u32 len)
{
	struct bpf_sock *peer = bpf_map_lookup_elem(&peers, cookie);
	struct tcp_sock *tcp;
	int room = 0;

	if (!peer)
		return 0;
	tcp = (struct tcp_sock *)bpf_skc_to_tcp_sock(peer);
	if (tcp)
		room = has_room(h, tcp, len);
	bpf_sk_release(peer);
	return room;
}

static __always_inline int all_returned(const struct sockmap_slot *h)
{
	return READ(h->passed) == READ(h->returned);
}

static __always_inline int pass(struct sockmap_slot *h, __u32 slot, __u32 len)
{
	h->passed += len;
	h->rebase = 1;
	/* An exchange is a full barrier, as the worker has one between setting the bell and reading `passed`: one of
	 * the two sees what the other did. Not heard, it rings at the next segment. */
	if (__sync_lock_test_and_set(&h->bell, 0) && !call(h, slot))
		h->bell = 1;
	return SK_PASS;
}

/* The first thing that TCP notes of a segment (struct tcp_skb_cb). The context is the kernel's own struct sk_buff. */
static __always_inline __u32 first_seq(struct __sk_buff *skb)
{
	__u32 seq = 0;

	bpf_probe_read_kernel(&seq, sizeof(seq),
			      (void *)skb + bpf_core_field_offset(struct sk_buff, cb));
	return seq;
}

/* What follows all that came here. */
static __always_inline __u32 next_seq(struct __sk_buff *skb, struct sockmap_slot *h)
{
	struct bpf_sock *sk = skb->sk;
	struct tcp_sock *tcp = sk ? bpf_skc_to_tcp_sock(sk) : 0;

	if (!h->state && tcp) {
		h->begin = tcp->copied_seq;
		h->state = SOCKMAP_BEGUN;
	}
	return h->begin + (__u32)(h->redirected + h->passed);
}

/* A segment that was sent again may begin with bytes that came before: TCP trusts its readers to skip them, and
 * tcp_read_skb() does not. They are cut off. Returns the length that is left; 0: it does not follow. */
static __always_inline __u32 cut_repeated(struct __sk_buff *skb, struct sockmap_slot *h, __u32 len)
{
	__u32 repeated = next_seq(skb, h) - first_seq(skb), cut;

	if (!(h->state & SOCKMAP_BEGUN) || repeated >= len)
		return 0;
	for (int i = 0; repeated && i < CUTS; i++) {
		cut = repeated < CUT ? repeated : CUT;
		if (bpf_skb_adjust_room(skb, -(__s32)cut, 0, 0))
			return 0;
		repeated -= cut;
		len -= cut;
	}
	return repeated ? 0 : len;
}

SEC("sk_skb/stream_verdict")
int verdict(struct __sk_buff *skb)
{
	__u64 cookie = bpf_get_socket_cookie(skb);
	__u32 *place = bpf_map_lookup_elem(&places, &cookie), slot, other, len = skb->len;
	struct sockmap_slot *h, *back;

	/* The end of a stream may come alone. TCP has noted it; in a queue, the peer's or the socket's own, an empty
	 * segment is taken for a failed write, which breaks the socket (sk_psock_backlog()). */
	if (!len)
		return SK_DROP;
	if (!place)
		return SK_PASS;
	slot = *place;
	other = slot ^ 1;
	h = bpf_map_lookup_elem(&slots, &slot);
	back = bpf_map_lookup_elem(&slots, &other);
	if (!h || !back)
		return SK_PASS;
	len = h->state & SOCKMAP_BROKEN ? 0 : cut_repeated(skb, h, len);
	if (!len) {
		h->state |= SOCKMAP_BROKEN;
		call(h, slot);
		return SK_DROP;
	}
	h->last = bpf_ktime_get_ns();
	if (!all_returned(h) || !all_returned(back) || !peer_has_room(h, &cookie, len))
		return pass(h, slot, len);
	if (bpf_sk_redirect_hash(skb, &peers, &cookie, 0) != SK_PASS)
		return pass(h, slot, len);
	h->redirected += len;
	h->young++;
	if (h->redirected >= h->call_at) {
		h->call_at = 2 * h->redirected;
		call(h, slot);
	}
	return SK_PASS;
}

char _license[] SEC("license") = "Dual MIT/GPL";
