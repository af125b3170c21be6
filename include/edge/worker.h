/* worker - one thread with its ring, its timers, its pipes, its listeners and its flows.
 * It does what orders say. Nothing is shared with other workers but generations and bans (read
 * only) the counts of flows, and of each source. */
#ifndef TAILSPLICE_EDGE_WORKER_H
#define TAILSPLICE_EDGE_WORKER_H

#include <pthread.h>

#include "base/mailbox.h"
#include "edge/admit.h"
#include "edge/order.h"

struct worker {
	pthread_t thread;
	struct mailbox mailbox;
	struct mailbox *replies; /* where orders come back to; NULL: they are freed */
	struct admit *admit;
	struct sources *sources; /* NULL in tests */
	size_t index, of;	 /* this one, among how many */
	size_t pipes_budget;
	char features[200];  /* of its ring; once worker_start() answered */
	struct state *state; /* the thread's own; NULL: it never started */
};

/* Starts the thread, which then waits for orders; it opens the mailbox. The caller has filled in
 * replies, admit, sources, index, of and pipes_budget. 0, or the negative errno of ring_open(): then no
 * thread runs. */
int worker_start(struct worker *w);

/* From any thread, as often as wanted; takes ownership. What comes after the worker's end is never
 * obeyed: worker_free() frees it. After ORDER_DRAIN of all or ORDER_HALT the worker ends when its last flow
 * has ended, and says so by an ORDER_ENDED. */
void worker_tell(struct worker *w, struct order *o);

/* Waits for the thread's end; harmless when it never started. */
void worker_join(struct worker *w);

/* Once it has ended: an order that came too late, to be answered by the caller; NULL: none. */
struct order *worker_undone(struct worker *w);

/* After worker_join(): frees what is left. */
void worker_free(struct worker *w);

#endif
