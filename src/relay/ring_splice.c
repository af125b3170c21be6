#include "relay/ring_splice.h"

#include <errno.h>
#include <stdlib.h>

#include "relay/copy.h"
#include "relay/held.h"
#include "relay/marks.h"
#include "relay/relay.h"

static void on_spliced(struct op *op, int res);

static bool ready_flight(struct relay *r, struct half *h)
{
	if (h->flight)
		return true;
	h->flight = malloc(sizeof(*h->flight));
	if (!h->flight)
		return false;
	*h->flight = (struct flight){ .op.done = on_spliced, .relay = r, .half = h };
	return true;
}

static enum pump take_off(struct relay *r, struct half *h, bool filling)
{
	struct flight *f = h->flight;
	struct pipe *p = h->pipe;

	f->filling = filling;
	if (filling)
		ring_splice(r->host->ring, &f->op, half_src(r, h)->fd, p->in, p->room);
	else
		ring_splice(r->host->ring, &f->op, p->out, half_dst(r, h)->fd, p->held);
	return PUMP_BUSY;
}

static enum pump ring_splice_pump(struct relay *r, struct half *h)
{
	if (h->pipe && h->pipe->held)
		return take_off(r, h, false);
	/* Copied bytes that are held leave first. */
	if (h->rest || !ready_flight(r, h) || !held_borrow_pipe(r, h))
		return copy_pump(r, h);
	return take_off(r, h, true);
}

static enum pump filled(struct relay *r, struct half *h, int res)
{
	if (res > 0) {
		h->pipe->held = (size_t)res;
		return PUMP_MORE;
	}
	if (res < 0 && res != -EAGAIN && res != -EINTR)
		return PUMP_SRC_FAILED;
	/* What arrived while it was in flight was reported then. */
	if (res == -EINTR || (res == -EAGAIN && h->readable))
		return PUMP_MORE;
	/* As in splice.c: at a mark neither "dry" nor "ended" is true. */
	if (marks_here(half_src(r, h)->fd))
		return copy_pump(r, h);
	return res == 0 ? PUMP_EOF : PUMP_DRY;
}

static enum pump emptied(struct half *h, int res)
{
	if (res >= 0) {
		h->pipe->held -= (size_t)res;
		h->moved += (uint64_t)res;
		return PUMP_MORE;
	}
	if (res != -EAGAIN && res != -EINTR)
		return PUMP_DST_FAILED;
	return PUMP_FULL;
}

static void on_spliced(struct op *op, int res)
{
	struct flight *f = container_of(op, struct flight, op);
	struct relay *r = f->relay;
	struct half *h = f->half;
	enum pump result;

	if (r->closing) {
		/* The pipe may hold what its count does not say: relay_reap() must not pool it. */
		if (f->filling && res > 0)
			h->pipe->held = (size_t)res;
		return;
	}
	result = f->filling ? filled(r, h, res) : emptied(h, res);
	held_return_pipe(r, h);
	relay_landed(r, h, result);
}

static const char *ring_splice_missing(const struct ring *ring)
{
	return ring_can_splice(ring) ? NULL : "this kernel has no IORING_OP_SPLICE";
}

const struct path path_ring_splice = {
	.name = "ring-splice",
	.help = "IORING_OP_SPLICE, executed by kernel threads: opt-in",
	.pump = ring_splice_pump,
	.missing = ring_splice_missing
};
