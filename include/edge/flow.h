/* flow - the life of one connection: dial, relay, close with one reason and one log line.
 * A state machine: an enum, changed in one function, against a table. All flows of a worker
 * share a struct flows; they are used by that worker only. */
#ifndef TAILSPLICE_EDGE_FLOW_H
#define TAILSPLICE_EDGE_FLOW_H

#include "backend/dial.h"
#include "edge/admit.h"
#include "edge/plan.h"
#include "edge/why.h"
#include "engine/timer.h"
#include "relay/relay.h"

struct flow;

/* One worker's flows, and what they need of the worker. */
struct flows {
	struct relay_host host; /* host.now is the time of this turn */
	struct timers *timers;
	struct admit *admit;
	struct list live, dying;
	struct flow *unused; /* flows of ended connections, to be used again */
	uint64_t next_id, id_step;
	size_t count;	   /* live and dying */
	msec_t complained; /* when the log last told of a failure of ours */
};

/* host.ring, host.pipes and host.buffer are set by the caller first. Ids are first, first + step, …:
 * each worker has its own. */
void flows_init(struct flows *fs, struct timers *timers, struct admit *admit, uint64_t first,
		uint64_t step);

/* All flows must have ended. */
void flows_finish(struct flows *fs);

/* A new connection on that plan entry; takes ownership of fd and of its place (admit_enter()),
 * if it has one; without one it is refused. */
void flow_open(struct flows *fs, const struct plan_entry *plan, int fd, bool admitted);

/* Ends every live flow with that reason, by reset. */
void flows_close_all(struct flows *fs, enum why why);

/* Once a turn: drives relays that spent their share, and frees ended flows that the kernel has
 * let go. Returns how many it freed. */
size_t flows_sweep(struct flows *fs);

#endif
