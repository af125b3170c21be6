/* flow - the life of one connection: dial, relay, close with one reason and one log line.
 * A state machine: an enum, changed in one function, against a table. All flows of a worker
 * share a struct flows (flows.h); they are used by that worker only. */
#ifndef TAILSPLICE_EDGE_FLOW_H
#define TAILSPLICE_EDGE_FLOW_H

#include "edge/life.h"

/* A new connection on that plan entry; takes ownership of fd and of its place (admit_enter()),
 * if it has one; without one it is refused. It holds the entry's generation. drain_due: 0, or the
 * time until which it may live, as of flow_drain(). */
void flow_open(struct flows *fs, const struct plan_entry *plan, int fd, bool admitted,
	       msec_t drain_due);

/* Judges its client, again when that is another now (a PROXY header said so). False: it was refused and ends. */
bool flow_screen(struct flow *f);

/* Ends it for that reason, the first one wins; anything but an orderly end resets both legs. */
void flow_close(struct flow *f, enum why why);

/* For relay_host.ended. */
void flow_relay_ended(struct relay *r, enum relay_end end);

/* It has until `due`, then it is reset; where the protocol allows, it ends in order before, once
 * it is at rest. Both with WHY_DRAIN. */
void flow_drain(struct flow *f, msec_t due);

/* Once closed: true when the kernel let go of it; then it is gone. */
bool flow_reap(struct flow *f);

#endif
