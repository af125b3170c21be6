/* flows - all flows of one worker: what is done to many at a time. Used by that worker only. */
#ifndef TAILSPLICE_EDGE_FLOWS_H
#define TAILSPLICE_EDGE_FLOWS_H

#include "edge/flow.h"
#include "edge/listing.h"

/* host.ring, host.pipes and host.buffer are set by the caller first. Ids are first, first + step, …:
 * each worker has its own. */
void flows_init(struct flows *fs, struct timers *timers, struct admit *admit, uint64_t first,
		uint64_t step);

/* All flows must have ended. */
void flows_finish(struct flows *fs);

/* Ends every live flow with that reason, by reset. */
void flows_close_all(struct flows *fs, enum why why);

/* Those of that listener ("": of any) have until `due`, then they are reset; where the protocol allows, those
 * at rest end in order before. All with WHY_DRAIN. */
void flows_drain(struct flows *fs, const char *listener, msec_t due);

/* Resets the flow of that id. False: there is none. */
bool flows_kill(struct flows *fs, uint64_t id);

/* Resets the flows of clients within `net`; how many. */
size_t flows_deny(struct flows *fs, const struct net *net);

/* Adds the live flows that it asks for, and trims. */
void flows_list(struct flows *fs, struct listing *out);

/* A copy of the ledger to which the bytes of live flows are added. */
void flows_look(const struct flows *fs, struct ledger *out);

/* Once a turn: drives relays that spent their share, and frees ended flows that the kernel has
 * let go. Returns how many it freed. */
size_t flows_sweep(struct flows *fs);

#endif
