#include "relay/outbox.h"

#include <errno.h>
#include <stdlib.h>

#include "relay/held.h"

/* Messages between two settlements, and bytes of them. */
#define PARCELS 256
#define ARENA	(64 * 1024)

/* Less room is not worth a read. */
#define LEAST_ROOM OUTBOX_MOST

/* Each starts on a cache line of its own. */
#define LINE 64

/* So many leave without waiting for the end of a long turn. */
#define ENOUGH 16

struct parcel {
	struct op op;
	struct relay *relay; /* NULL: forgotten, or settled */
	struct half *half;
	const uint8_t *bytes;
	size_t n;
};

struct outbox {
	size_t count, used;
	size_t pending; /* of `count`, those since the last push */
	struct parcel parcels[PARCELS];
	_Alignas(LINE) uint8_t arena[ARENA];
};

struct outbox *outbox_open(void)
{
	struct outbox *o = aligned_alloc(LINE, sizeof(*o));

	if (o)
		o->count = o->used = o->pending = 0;
	return o;
}

void outbox_close(struct outbox *o)
{
	free(o);
}

uint8_t *outbox_room(struct outbox *o, size_t *room)
{
	*room = ARENA - o->used;
	return o->count < PARCELS && *room >= LEAST_ROOM ? o->arena + o->used : NULL;
}

/* The rest goes on as what a short send(2) leaves: the next attempt finds out whether there is room, or a failure. */
static void on_unsent(struct op *op, int res)
{
	struct parcel *p = container_of(op, struct parcel, op);
	size_t sent = (size_t)max_of(res, 0);
	struct half *h = p->half;

	if (!p->relay)
		return;
	h->posted = false;
	h->moved -= p->n - sent;
	h->lost = held_keep(h, p->bytes + sent, p->n - sent) == PUMP_FAILED;
	run_soon(p->relay);
	p->relay = NULL;
}

void outbox_post(struct relay *r, struct half *h, size_t n)
{
	struct outbox *o = r->host->outbox;
	struct parcel *p = &o->parcels[o->count++];

	*p = (struct parcel){
		.op.done = on_unsent, .relay = r, .half = h, .bytes = o->arena + o->used, .n = n
	};
	o->used += (n + LINE - 1) / LINE * LINE;
	h->posted = true;
	h->moved += n;
	ring_send_now(r->host->ring, &p->op, half_dst(r, h)->fd, p->bytes, n);
	if (++o->pending >= ENOUGH)
		outbox_push(r->host);
}

void outbox_push(struct relay_host *host)
{
	if (!host->outbox->pending)
		return;
	host->outbox->pending = 0;
	ring_submit(host->ring);
}

void outbox_settle(struct relay_host *host)
{
	struct outbox *o = host->outbox;

	o->pending = 0;
	if (!o->count || !ring_settle(host->ring))
		return;
	for (size_t i = 0; i < o->count; i++)
		if (o->parcels[i].relay)
			o->parcels[i].half->posted = false;
	o->count = o->used = 0;
}

void outbox_forget(struct relay *r)
{
	struct outbox *o = r->host->outbox;

	if (!r->half[0].posted && !r->half[1].posted)
		return;
	for (size_t i = 0; i < o->count; i++)
		if (o->parcels[i].relay == r)
			o->parcels[i].relay = NULL;
	r->half[0].posted = r->half[1].posted = false;
}
