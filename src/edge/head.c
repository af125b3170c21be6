#include "edge/head.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "codec/hello.h"
#include "edge/router.h"
#include "engine/timer.h"

/* Most clients' first bytes fit; a post-quantum ClientHello makes it grow once. */
#define ROOM_FIRST 2048

enum next {
	NEXT_DONE,  /* judged */
	NEXT_READ,  /* more bytes are needed */
	NEXT_WATCH, /* one byte is, and it may stay where it is */
};

static bool contains(const struct nets *nets, const struct addr *a)
{
	for (size_t i = 0; i < nets->count; i++)
		if (net_contains(&nets->at[i], a))
			return true;
	return false;
}

bool head_must_name(const struct plan_entry *plan, const struct addr *peer)
{
	return contains(&plan->conf->accept_proxy, peer);
}

bool head_forbids_proxy(const struct plan_entry *plan, const struct addr *peer)
{
	return plan->conf->accept_proxy.count && !head_must_name(plan, peer);
}

static enum next judged(struct head *h, enum why why)
{
	h->why = why;
	return NEXT_DONE;
}

static bool is_late(const struct head *h)
{
	return *h->now >= h->due;
}

/* The PROXY header in front. NEXT_DONE with WHY_NONE: it is there. */
static enum next judge_proxy(struct head *h)
{
	int len = pp_parse(h->bytes, h->used, &h->pp);

	if (len < 0 || (len == 0 && (h->ended || h->used >= HEAD_PROXY_MAX)))
		return judged(h, WHY_BAD_PROXY);
	if (len == 0)
		return is_late(h) ? judged(h, WHY_HEAD_TIMEOUT) : NEXT_READ;
	h->named = true;
	h->proxied = (size_t)len;
	if (h->pp.src.sa.sa_family != AF_UNSPEC) {
		h->client = h->pp.src;
		addr_fold(&h->client);
	}
	return judged(h, WHY_NONE);
}

/* What `expect` says, and that no PROXY header comes from where none may. */
static enum next judge_beginning(struct head *h, const struct sight *s)
{
	int proxy = !h->must_name && h->plan->conf->accept_proxy.count && s->n
			    ? pp_begins(s->bytes, s->n)
			    : -EPROTO;
	int tls = h->plan->conf->expect == EXPECT_TLS ? hello_begins(s->bytes, s->n) : 1;

	if (proxy > 0)
		return judged(h, WHY_BAD_PROXY);
	if (tls < 0 || (tls == 0 && h->ended))
		return judged(h, WHY_NO_ROUTE);
	if (tls == 0 || (proxy == 0 && !h->ended))
		return s->final ? judged(h, WHY_HEAD_TIMEOUT) : NEXT_READ;
	return judged(h, WHY_NONE);
}

/* A header that names the TLS server waits for the whole ClientHello, where one may come. */
static bool lacks_tlv(const struct head *h, const struct sight *s)
{
	const struct backend_conf *b = h->plan->to[h->route].backend;

	return b->proxy_tlv & (PROXY_TLV_AUTHORITY | PROXY_TLV_ALPN) && !s->final &&
	       (h->plan->first == WIRE_CLIENT_FIRST || hello_begins(s->bytes, s->n) > 0) &&
	       hello_parse(s->bytes, s->n, &(struct hello){ 0 }) == 0;
}

static enum next judge_route(struct head *h, const struct sight *s)
{
	h->route = router_choose(&h->plan->conf->routes, s);
	if (h->route == ROUTER_WAIT)
		return NEXT_READ;
	if (h->route == ROUTER_NONE)
		return judged(h, is_late(h) && !h->ended ? WHY_HEAD_TIMEOUT : WHY_NO_ROUTE);
	return lacks_tlv(h, s) ? NEXT_READ : judged(h, WHY_NONE);
}

static enum next judge(struct head *h)
{
	enum next next = h->must_name && !h->named ? judge_proxy(h) : judged(h, WHY_NONE);
	struct sight s = { .client = &h->client };
	bool silent;

	if (next != NEXT_DONE || h->why != WHY_NONE)
		return next;
	s.bytes = h->bytes ? h->bytes + h->proxied : NULL;
	s.n = head_rest(h);
	s.final = h->ended || is_late(h) || s.n >= HEAD_BYTES_MAX;
	silent = s.n == 0 && !h->ended;
	if (silent && *h->now >= h->first_due)
		return judged(h, WHY_HEAD_TIMEOUT);
	next = judge_beginning(h, &s);
	if (next == NEXT_DONE && h->why == WHY_NONE)
		next = judge_route(h, &s);
	if (next == NEXT_DONE && h->why == WHY_NONE && silent && h->first_due != TIMER_NONE)
		next = NEXT_WATCH;
	return next;
}

/* 0, or a negative errno. */
static int make_room(struct head *h)
{
	size_t room = h->room ? 2 * h->room : ROOM_FIRST;
	uint8_t *bytes;

	if (h->used < h->room)
		return 0;
	bytes = realloc(h->bytes, room);
	if (!bytes)
		return -ENOMEM;
	h->bytes = bytes;
	h->room = room;
	return 0;
}

/* What is in the socket now. > 0: there was something, or its end; else a negative errno. */
static int read_some(struct head *h)
{
	int err = make_room(h);
	size_t most = h->proxied + HEAD_BYTES_MAX - h->used;
	ssize_t n;

	if (err)
		return err;
	do
		n = recv(h->fd, h->bytes + h->used, min_of(h->room - h->used, most), MSG_DONTWAIT);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	h->ended = n == 0;
	h->used += (size_t)n;
	return 1;
}

static void wait_for_more(struct head *h)
{
	/* Who has said nothing may stay that way. */
	if (!h->used) {
		free(h->bytes);
		h->bytes = NULL;
		h->room = 0;
	}
	ring_poll_once(h->ring, &h->poll, h->fd, POLLIN | POLLRDHUP);
}

static void step(struct head *h)
{
	enum next next;
	int err;

	h->watching = false;
	while ((next = judge(h)) == NEXT_READ) {
		err = read_some(h);
		if (err == -EAGAIN) {
			wait_for_more(h);
			return;
		}
		if (err < 0) {
			judged(h, err == -ENOMEM ? WHY_ERROR : WHY_CLIENT_RESET);
			break;
		}
	}
	h->watching = next == NEXT_WATCH;
	if (h->watching)
		wait_for_more(h);
	else
		h->done(h);
}

static void on_ready(struct op *op, int res)
{
	struct head *h = container_of(op, struct head, poll);

	if (h->stopped)
		return;
	if (res > 0 && res & POLLERR) {
		judged(h, WHY_CLIENT_RESET);
		h->done(h);
		return;
	}
	/* Seen is enough for NEXT_WATCH: whatever it is, the relay will read it. */
	if (res > 0 && h->watching)
		h->first_due = TIMER_NONE;
	step(h);
}

bool head_wanted(const struct plan_entry *plan, const struct addr *peer, size_t *route)
{
	static const msec_t now;
	struct head h = { .plan = plan,
			  .client = *peer,
			  .now = &now,
			  .due = TIMER_NONE,
			  .first_due = plan->first_byte ? TIMER_NONE - 1 : TIMER_NONE };

	h.must_name = head_must_name(plan, peer);
	if (judge(&h) != NEXT_DONE)
		return true;
	*route = h.why == WHY_NONE ? h.route : ROUTER_NONE;
	return false;
}

struct head *head_new(struct ring *ring, const struct plan_entry *plan, int fd,
		      const struct addr *peer, const msec_t *now)
{
	struct head *h = malloc(sizeof(*h));

	if (!h)
		return NULL;
	*h = (struct head){ .poll.done = on_ready,
			    .ring = ring,
			    .plan = plan,
			    .fd = fd,
			    .client = *peer,
			    .now = now,
			    .due = *now + plan->conf->head,
			    .first_due = plan->first_byte ? *now + plan->first_byte : TIMER_NONE };
	h->must_name = head_must_name(plan, peer);
	return h;
}

void head_start(struct head *h)
{
	step(h);
}

msec_t head_due(const struct head *h)
{
	if (h->watching)
		return h->first_due;
	return head_rest(h) ? h->due : min_of(h->due, h->first_due);
}

void head_expire(struct head *h)
{
	ring_cancel(h->ring, &h->poll);
}

void head_stop(struct head *h)
{
	h->stopped = true;
	ring_cancel(h->ring, &h->poll);
}

bool head_busy(const struct head *h)
{
	return h->poll.armed;
}

void head_free(struct head *h)
{
	if (h)
		free(h->bytes);
	free(h);
}
