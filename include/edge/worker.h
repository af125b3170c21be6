/* worker - one thread with its ring, its timers, its pipes, its listeners and its flows.
 * Nothing is shared with other workers but the plan (read only) and the count of flows. */
#ifndef TAILSPLICE_EDGE_WORKER_H
#define TAILSPLICE_EDGE_WORKER_H

#include <pthread.h>

#include "base/mailbox.h"
#include "edge/flow.h"
#include "edge/listener.h"

/* What the main thread asks of a worker. */
enum worker_order {
	WORKER_DRAIN, /* accept no more; end when the last flow ended or the deadline is over */
	WORKER_HALT,  /* reset everything, end now */
};

struct worker {
	pthread_t thread;
	struct mailbox mailbox;
	struct listener *listeners;
	size_t nlisteners;
	struct admit *admit;
	size_t index, of; /* this one, among how many */
	size_t pipes_budget;
	msec_t drain;	      /* how long WORKER_DRAIN waits */
	const char *features; /* of its ring; valid once worker_start() answered */
	struct state *state;  /* the thread's own; NULL: it never started */
};

/* Starts the thread and waits until it listens. The caller has filled everything above but
 * thread, features and state. 0, or the negative errno of ring_open(): then no thread runs. */
int worker_start(struct worker *w);

/* From any thread, as often as wanted. */
void worker_tell(struct worker *w, enum worker_order order);

/* Waits for the thread's end; harmless when it never started. Orders may still be sent. */
void worker_join(struct worker *w);

/* After worker_join(): frees what is left. */
void worker_free(struct worker *w);

#endif
