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
#include "engine/timer.h"

struct listener {
	struct list node; /* of its worker's */
	struct op accept;
	int fd;
	const struct plan_entry *plan; /* what it listens on and where it leads */
	struct ring *ring;
	struct timers *timers;
	struct admit *admit;
	struct timer leaving; /* set while it closes */
	msec_t drain_due;     /* not 0: its flows have until then */
	int parked;	      /* accepted when there was no place; waits for one. -1: none */
	bool paused, closed;
	bool inherited; /* others hold the socket too: who waits in its queue is served by them */
	/* A new connection; fd is the callee's. `admitted`: it has its place; else it is one too
	 * many, to be refused. */
	void (*accepted)(struct listener *l, int fd, bool admitted);
	void *owner; /* the worker's; for accepted() */
};

/* True when somebody else listens on the address. SO_REUSEPORT would let a second process of
 * the same user share it unnoticed, so this is asked before the first listener_open(). -EADDRNOTAVAIL: no
 * interface has it. */
int listener_probe(const struct addr *at);

/* A bound, listening socket, or negative errno; of the tailnet also one that is not there yet. SO_REUSEPORT: each worker has its own, and a new
 * one can stand beside one that is closing. */
int listener_open(const struct plan_entry *plan);

/* The caller has set fd, plan, accepted and owner. */
void listener_start(struct listener *l, struct ring *ring, struct timers *timers,
		    struct admit *admit);

/* A reload: from now on connections come under that entry, which is for the same address. */
void listener_adopt(struct listener *l, const struct plan_entry *plan);

/* Stops without losing anybody: no handshake begins any more (clients are refused, or another
 * socket of the address takes them), those that had begun are completed and accepted; then it closes. An
 * inherited socket is left at once, with its queue. */
void listener_leave(struct listener *l);

/* True once it is closed and the kernel has answered everything. */
bool listener_gone(const struct listener *l);

/* Accepts again if it had paused and there is room. */
void listener_resume(struct listener *l);

/* Takes what waits in the accept queue, then closes. */
void listener_close(struct listener *l);

#endif
