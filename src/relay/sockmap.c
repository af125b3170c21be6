#include "relay/sockmap.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/utsname.h>

#include "base/log.h"
#include "relay/carrier.h"
#include "relay/copy.h"
#include "relay/held.h"
#include "relay/relay.h"
#include "relay/sockmap_check.h"
#include "relay/sockmap_gate.h"
#include "relay/sockmap_kernel.h"
#include "relay/sockmap_socket.h"
#include "relay/sockmap_worker.h"
#include "relay/splice.h"

/* The queue in the kernel tells nobody when it is empty: it is looked at, less and less often. */
#define FIRST_LOOK 1
#define LAST_LOOK  50

/* A failed source's last words are waited for while the peer still takes some. */
#define PATIENCE 16

/* Bytes redirected before the receive window is seen to for the first time; then at each doubling. */
#define FIRST_CALL 65536

/* One half in the kernel. All counts begin when it was taken over. */
struct ride {
	bool carried;
	bool clear; /* the kernel's queue is written, and stays so: what comes next is ours */
	uint64_t returned; /* bytes that we sent */
	uint64_t counted;  /* redirected bytes that half.moved has */
	uint64_t written;  /* of the peer, before */
	uint64_t consumed; /* of the source, before */
	uint64_t seen;	   /* written at the last look */
	msec_t due;	   /* of the next look; 0: none */
	msec_t interval;
};

struct carriage {
	struct relay *relay;
	struct timer timer;
	struct sockmap_leg leg[2];
	uint32_t slot;
	struct ride ride[2];
};

static struct ride *ride_of(const struct relay *r, const struct half *h)
{
	return &r->carriage->ride[h - r->half];
}

static volatile struct sockmap_slot *slot_of(const struct relay *r, const struct half *h)
{
	return sockmap_slot(r->carriage->slot + (uint32_t)(h - r->half));
}

/* Bytes that the program passed, and the peer has not got from us yet. */
static uint64_t passed(const struct relay *r, const struct half *h)
{
	return slot_of(r, h)->passed - ride_of(r, h)->returned;
}

/* Bytes of this half that are not in the peer's socket, of those that the program saw. Less than 0:
 * somebody else wrote to the socket. */
static int64_t queued(struct relay *r, struct half *h)
{
	const struct ride *ride = ride_of(r, h);
	uint64_t seen = slot_of(r, h)->redirected + ride->returned;

	return (int64_t)(seen - (socket_written(half_dst(r, h)->fd) - ride->written));
}

static msec_t next_look(const struct carriage *c)
{
	msec_t due = TIMER_NONE;

	for (size_t i = 0; i < 2; i++)
		if (c->ride[i].due)
			due = min_of(due, c->ride[i].due);
	return due;
}

static enum pump look_later(struct relay *r, struct half *h)
{
	struct ride *ride = ride_of(r, h);

	ride->interval = ride->interval ? min_of(2 * ride->interval, (msec_t)LAST_LOOK)
					: FIRST_LOOK;
	ride->due = r->host->now + ride->interval;
	timer_set(r->host->timers, &r->carriage->timer, next_look(r->carriage));
	return PUMP_BUSY;
}

/* Bytes are on their way, which nobody tells the arrival of. Those of a source that failed may never arrive: its
 * reset discards what was passed and not read. */
static enum pump wait_for(struct relay *r, struct half *h, uint64_t left)
{
	struct ride *ride = ride_of(r, h);
	bool moving = left != ride->seen || ride->interval < PATIENCE;

	ride->seen = left;
	return moving || !half_src(r, h)->failed ? look_later(r, h) : PUMP_SRC_FAILED;
}

static msec_t on_look(struct timer *t, msec_t now)
{
	struct carriage *c = container_of(t, struct carriage, timer);
	struct relay *r = c->relay;

	for (size_t i = 0; i < 2; i++) {
		if (!c->ride[i].due || now < c->ride[i].due)
			continue;
		c->ride[i].due = 0;
		relay_again(r, &r->half[i]);
		/* It ended, and took the carriage with it. */
		if (r->closing)
			return TIMER_NONE;
	}
	return next_look(c);
}

static void on_call(struct carriage *c, unsigned which)
{
	relay_again(c->relay, &c->relay->half[which]);
}

/* Sends on what was passed. Nothing of it is redirected before `returned` says that it was sent. */
static enum pump send_passed(struct relay *r, struct half *h)
{
	struct ride *ride = ride_of(r, h);
	uint64_t before = h->moved, known;
	int64_t left = ride->clear ? 0 : queued(r, h);
	enum pump result;

	if (left > 0)
		return wait_for(r, h, (uint64_t)left);
	result = copy_pump(r, h);
	ride->returned += h->moved - before;
	known = slot_of(r, h)->passed;
	slot_of(r, h)->returned = ride->returned;
	/* Once all is returned, the kernel may queue again before more is passed. */
	ride->clear = ride->returned < known;
	if (result != PUMP_DRY && result != PUMP_EOF)
		return result;
	/* Both only say that the socket had nothing: it may be on its way there. */
	if (passed(r, h))
		return slot_of(r, h)->passed != known ? PUMP_MORE : wait_for(r, h, passed(r, h));
	return PUMP_DRY;
}

static enum pump lose(int64_t left, int64_t missing)
{
	log_error(
		"sockmap: a flow is reset: %lld bytes are not where they should be, and of %lld nobody knows",
		(long long)left, (long long)missing);
	return PUMP_FAILED;
}

static int kick(struct leg *src)
{
	int found = sockmap_kick(src->fd);

	if (found < 0 && found != -EAGAIN)
		src->failed = true;
	return found;
}

/* The source has said its end, or failed. An end is one when all that it sent was written. */
static enum pump finish(struct relay *r, struct half *h)
{
	struct leg *src = half_src(r, h);
	volatile struct sockmap_slot *slot = slot_of(r, h);
	int64_t left, missing;
	int found = kick(src);

	if (found > 0)
		return PUMP_MORE;
	if (found == -EAGAIN || passed(r, h))
		return wait_for(r, h, passed(r, h));
	left = queued(r, h);
	if (left > 0)
		return wait_for(r, h, (uint64_t)left);
	if (src->failed)
		return PUMP_SRC_FAILED;
	missing = (int64_t)(socket_received(src->fd) - ride_of(r, h)->consumed - 1 -
			    slot->redirected - slot->passed);
	if (left < 0 || missing)
		return lose(left, missing);
	return PUMP_EOF;
}

static enum pump pump_carried(struct relay *r, struct half *h)
{
	struct ride *ride = ride_of(r, h);
	enum pump result;

	if (slot_of(r, h)->state & SOCKMAP_BROKEN) {
		log_error("sockmap: a flow is reset: what came does not follow what came before");
		return PUMP_FAILED;
	}
	if (passed(r, h)) {
		result = send_passed(r, h);
		if (result != PUMP_DRY)
			return result;
	}
	if (h->to_end)
		return finish(r, h);
	ride->interval = 0;
	slot_of(r, h)->bell = 1;
	atomic_thread_fence(memory_order_seq_cst);
	if (passed(r, h))
		return PUMP_MORE;
	kick(half_src(r, h));
	return half_src(r, h)->failed ? finish(r, h) : PUMP_DRY;
}

static enum pump sockmap_pump(struct relay *r, struct half *h)
{
	if (r->carriage && ride_of(r, h)->carried)
		return pump_carried(r, h);
	return splice_pump(r, h);
}

static void drop(struct relay *r)
{
	sockmap_slots_put(r->host, r->carriage->slot);
	free(r->carriage);
	r->carriage = NULL;
}

/* Before the kernel takes over. */
static bool take_stock(struct relay *r)
{
	struct carriage *c = r->carriage;

	for (size_t i = 0; i < 2; i++) {
		struct half *h = &r->half[i];
		volatile struct sockmap_slot *slot = slot_of(r, h);

		c->leg[i].fd = r->leg[i].fd;
		if (!socket_cookie(c->leg[i].fd, &c->leg[i].cookie) ||
		    !socket_consumed(c->leg[i].fd, &c->ride[i].consumed))
			return false;
		socket_lift_lowat(c->leg[i].fd);
		c->ride[i].written = socket_written(half_dst(r, h)->fd);
		slot->call_at = FIRST_CALL;
		slot->bell = slot->rebase = 1;
	}
	return true;
}

static void sockmap_start(struct relay *r)
{
	struct carriage *c = calloc(1, sizeof(*c));
	unsigned taken;

	if (!c)
		return;
	c->relay = r;
	c->timer.tick = on_look;
	if (!sockmap_slots_get(r->host, c, on_call, &c->slot)) {
		free(c);
		return;
	}
	r->carriage = c;
	taken = take_stock(r) ? sockmap_join(c->slot, c->leg) : 0;
	if (!taken) {
		drop(r);
		return;
	}
	r->carried = true;
	for (size_t i = 0; i < 2; i++) {
		c->ride[i].carried = r->leg[i].quiet = taken & BIT(i);
		kick(&r->leg[i]);
	}
}

static void sockmap_refresh(struct relay *r)
{
	uint64_t latest = 0;

	for (size_t i = 0; i < 2; i++) {
		struct half *h = &r->half[i];
		struct ride *ride = ride_of(r, h);
		uint64_t redirected = slot_of(r, h)->redirected, at = slot_of(r, h)->last;

		h->moved += redirected - ride->counted;
		ride->counted = redirected;
		if (at <= latest)
			continue;
		latest = at;
		/* The clock is the same, but this turn's time is older than now. */
		if (at / 1000000 >= r->last_moved) {
			r->last_moved = min_of(at / 1000000, r->host->now);
			r->last_from = (uint8_t)i;
		}
	}
}

static bool sockmap_at_rest(struct relay *r)
{
	for (size_t i = 0; i < 2; i++)
		if (ride_of(r, &r->half[i])->carried &&
		    (passed(r, &r->half[i]) || queued(r, &r->half[i])))
			return false;
	return true;
}

static void sockmap_stop(struct relay *r)
{
	sockmap_refresh(r);
	for (size_t i = 0; i < 2; i++) {
		struct half *h = &r->half[i];
		int64_t left = ride_of(r, h)->carried && h->state == HALF_OPEN ? queued(r, h) : 0;

		/* What the peer's socket never took was not moved. */
		if (left > 0)
			h->moved -= (uint64_t)left;
	}
	timer_stop(r->host->timers, &r->carriage->timer);
	sockmap_part(r->carriage->leg);
	drop(r);
}

static bool kernel_is_good(char *why, size_t size)
{
	struct utsname name;

	uname(&name);
	if (sockmap_gate(name.release, name.version))
		return true;
	snprintf(why, size,
		 "kernel %s has bugs that lose or repeat bytes: it takes " SOCKMAP_KERNELS,
		 name.release);
	return false;
}

/* For the main thread, and once: the answer stays. */
static const char *sockmap_prepare(size_t workers)
{
	static bool asked, ready;
	static char why[400];

	if (!asked && !workers)
		return "it is loaded at the start, while there are privileges, and was not asked for then: "
		       "restart";
	if (!asked) {
		asked = true;
		ready = kernel_is_good(why, sizeof(why)) && sockmap_load(workers, why, sizeof(why));
		if (ready && !sockmap_check(why, sizeof(why))) {
			sockmap_unload();
			ready = false;
		}
	}
	return ready ? NULL : why;
}

static const char *sockmap_missing(const struct ring *ring)
{
	(void)ring;
	return sockmap_prepare(1);
}

static const char *sockmap_used(const struct relay *r)
{
	return r->carried ? path_sockmap.name : path_splice.name;
}

static const struct carrier carrier = { .prepare = sockmap_prepare,
					.start = sockmap_start,
					.refresh = sockmap_refresh,
					.at_rest = sockmap_at_rest,
					.stop = sockmap_stop,
					.leave = sockmap_leave };

const struct path path_sockmap = { .name = "sockmap",
				   .help = "a BPF program moves bytes from socket to socket: opt-in",
				   .used = sockmap_used,
				   .pump = sockmap_pump,
				   .missing = sockmap_missing,
				   .carrier = &carrier };
