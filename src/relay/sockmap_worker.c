#include "relay/sockmap_worker.h"

#include <poll.h>
#include <stdlib.h>

#include "relay/sockmap_kernel.h"

/* A flow that ended has its slots for so long. */
#define REST 100

/* The free flows are a queue, so that each is used again as late as can be. */
struct sockmap_worker {
	struct relay_host *host;
	struct op calls;
	uint32_t first, share;
	uint32_t taken, put; /* ever: places in the queue, modulo share */
	bool leaving;
	void (*called)(struct carriage *owner, unsigned which);
	struct free_flow {
		uint32_t flow;
		msec_t since;
	} * queue;
	struct carriage **owner;
};

static void take_call(void *arg, uint32_t slot)
{
	struct sockmap_worker *w = arg;
	uint32_t flow = slot / 2 - w->first;
	struct carriage *owner = flow < w->share ? w->owner[flow] : NULL;

	if (owner)
		w->called(owner, slot & 1);
}

static void on_calls(struct op *op, int res)
{
	struct sockmap_worker *w = container_of(op, struct sockmap_worker, calls);

	if (w->leaving || res < 0)
		return;
	sockmap_take_calls(w->host->worker, take_call, w);
	if (!op->armed)
		ring_poll(w->host->ring, op, sockmap_calls_fd(w->host->worker), POLLIN);
}

static void release(struct sockmap_worker *w)
{
	free(w->queue);
	free(w->owner);
	free(w);
}

static struct sockmap_worker *open_worker(struct relay_host *host)
{
	struct sockmap_worker *w;
	uint32_t first, share = sockmap_share(host->worker, &first);

	if (!share)
		return NULL;
	w = calloc(1, sizeof(*w));
	if (!w)
		return NULL;
	*w = (struct sockmap_worker){
		.host = host, .calls.done = on_calls, .first = first, .share = share, .put = share
	};
	w->queue = calloc(share, sizeof(*w->queue));
	w->owner = calloc(share, sizeof(struct carriage *));
	if (!w->queue || !w->owner) {
		release(w);
		return NULL;
	}
	for (uint32_t i = 0; i < share; i++)
		w->queue[i].flow = i;
	ring_poll(host->ring, &w->calls, sockmap_calls_fd(host->worker), POLLIN);
	return w;
}

bool sockmap_slots_get(struct relay_host *host, struct carriage *owner,
		       void (*called)(struct carriage *owner, unsigned which), uint32_t *slot)
{
	struct sockmap_worker *w = host->sockmap;
	const struct free_flow *next;

	if (!w)
		w = host->sockmap = open_worker(host);
	if (!w || w->taken == w->put)
		return false;
	next = &w->queue[w->taken % w->share];
	if (next->since && host->now < next->since + REST)
		return false;
	w->taken++;
	w->called = called;
	w->owner[next->flow] = owner;
	*slot = 2 * (w->first + next->flow);
	for (uint32_t i = 0; i < 2; i++)
		*sockmap_slot(*slot + i) =
			(struct sockmap_slot){ .worker = (uint16_t)host->worker };
	return true;
}

void sockmap_slots_put(struct relay_host *host, uint32_t slot)
{
	struct sockmap_worker *w = host->sockmap;
	uint32_t flow = slot / 2 - w->first;

	w->owner[flow] = NULL;
	w->queue[w->put++ % w->share] = (struct free_flow){ flow, host->now };
}

bool sockmap_leave(struct relay_host *host)
{
	struct sockmap_worker *w = host->sockmap;

	if (!w)
		return true;
	if (!w->leaving) {
		w->leaving = true;
		ring_cancel(host->ring, &w->calls);
	}
	if (w->calls.armed)
		return false;
	release(w);
	host->sockmap = NULL;
	return true;
}
