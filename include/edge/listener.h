/* listener - one bound address of one worker. Accepts through the ring, pauses when there is
 * no room, and is never lost: an accept that failed is armed again.
 * Opened by the main thread before the workers run; then used by its worker only. */
#ifndef TAILSPLICE_EDGE_LISTENER_H
#define TAILSPLICE_EDGE_LISTENER_H

#include <stdbool.h>

#include "base/addr.h"
#include "edge/admit.h"
#include "edge/plan.h"
#include "engine/ring.h"

struct listener {
	struct op accept;
	int fd;
	const struct plan_entry *plan; /* what it listens on and where it leads */
	struct ring *ring;
	struct admit *admit;
	int parked; /* accepted when there was no place; waits for one. -1: none */
	bool paused, closed;
	/* A new connection; fd is the callee's. `admitted`: it has its place; else it is one too
	 * many, to be refused. */
	void (*accepted)(struct listener *l, int fd, bool admitted);
	void *owner; /* the worker's; for accepted() */
};

/* True when somebody else listens on the address. SO_REUSEPORT would let a second process of
 * the same user share it unnoticed, so this is asked before the first listener_open(). */
int listener_probe(const struct addr *at);

/* A bound, listening socket, or negative errno. `shared`: one of several workers'. */
int listener_open(const struct plan_entry *plan, bool shared);

void listener_start(struct listener *l, struct ring *ring, struct admit *admit);

/* Accepts again if it had paused and there is room. */
void listener_resume(struct listener *l);

/* Takes what waits in the accept queue, then closes. */
void listener_close(struct listener *l);

#endif
