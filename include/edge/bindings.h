/* bindings - the addresses the edge listens on. A change of them is one step: everything new is
 * bound before anything old is let go, and if one address cannot be bound nothing changes.
 * Used by the main thread; the sockets go to the workers in orders. */
#ifndef TAILSPLICE_EDGE_BINDINGS_H
#define TAILSPLICE_EDGE_BINDINGS_H

#include <stdbool.h>
#include <stddef.h>

#include "config/report.h"
#include "edge/inherited.h"
#include "edge/order.h"

struct binding {
	struct addr at;
	char *listener;			   /* its name */
	msec_t left;			   /* 0: held; else when it was let go */
	const struct inherited *inherited; /* it is that socket; NULL: we bound it */
};

struct bindings {
	struct binding *at;
	size_t count;
	const struct inherited_list
		*inherited; /* lent by the caller; open, so that a reload can come back to them */
};

/* What a generation changes. */
struct bindings_change {
	struct order **orders; /* ORDER_SERVE for each worker; order_free() those not sent */
	size_t norders;
	struct bindings next; /* in force after bindings_commit() */
	struct addrs added, removed;
	size_t kept;
};

/* Binds what is new. False, with complaints, and everything as it was. */
bool bindings_prepare(const struct bindings *b, struct generation *g, size_t nworkers,
		      struct bindings_change *out, struct report *report);

/* The orders are on their way: from now on this is what we hold. */
void bindings_commit(struct bindings *b, struct bindings_change *change);

/* Frees what is left of a change, committed or not. */
void bindings_discard(struct bindings_change *change);

/* Says of each inherited socket that no listener serves. */
void bindings_note_unused(const struct bindings *b, struct report *report);

/* That listener is closed by its workers ("": all): the next change binds anew. False: there is none. */
bool bindings_leave(struct bindings *b, const char *listener);

void bindings_finish(struct bindings *b);

#endif
