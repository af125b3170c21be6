/* edge - the whole of it: a configuration becomes listeners, workers and flows, and can be
 * replaced while they run. Everything here is for the main thread. */
#ifndef TAILSPLICE_EDGE_EDGE_H
#define TAILSPLICE_EDGE_EDGE_H

#include "backend/checker.h"
#include "backend/resolver.h"
#include "backend/tailnet.h"
#include "edge/admit.h"
#include "edge/bindings.h"
#include "edge/worker.h"

struct edge {
	struct generation *current;
	struct roster roster;
	struct registry registry;
	struct resolver resolver;
	struct tailnet *tailnet; /* NULL: tailscaled is not asked */
	struct checker checker;
	struct bindings bindings;
	struct order **unsent; /* of the first configuration, until edge_start() */
	struct worker *workers;
	size_t nworkers, nrunning;
	struct mailbox replies; /* poll its fd for POLLIN, then edge_hear() */
	struct admit admit;
	struct gates gates;
	struct sources *sources;
	msec_t lists_due;
	struct fd_budget budget;
	bool ending;
};

/* A question to all workers. The asker owns it and keeps it until done(). */
struct inquiry {
	/* kind and parameters; then what all workers answered, put together. */
	struct order order;
	void (*done)(struct inquiry *q);
	size_t missing; /* answers */
};

/* What a configuration changed. */
struct edge_change {
	struct addrs added, removed;
	size_t kept;
};

/* 0, or negative errno of eventfd(2); -ENOMEM. */
int edge_open(struct edge *e);

/* Puts a configuration into force: the first one, then each reload's. Takes over both. False, with
 * complaints, when an address cannot be bound: then nothing has changed. Raises
 * RLIMIT_NOFILE to its hard limit. *change, when not NULL, is the caller's: edge_change_finish(). */
bool edge_configure(struct edge *e, struct config *config, struct plan *plan,
		    struct edge_change *change, struct report *report);
void edge_change_finish(struct edge_change *change);

/* Gives the sockets to that user, before the process becomes it: SO_REUSEPORT lets only one user's
 * sockets share an address (socket(7)), and a later reload may need that. */
void edge_give_sockets(struct edge *e, uid_t uid, gid_t gid);

/* Starts the workers. Not before all privileges are what they shall be: threads inherit them.
 * False, with words for the operator. */
bool edge_start(struct edge *e, char *why, size_t size);

/* Reads again the files of allow and deny that have changed; when to look next, TIMER_NONE when there are none. */
msec_t edge_refresh_lists(struct edge *e, msec_t now);

/* Handles what workers answered; calls done() of inquiries that are complete. */
void edge_hear(struct edge *e);

/* done() may be called before it returns, when no worker runs. */
void edge_ask(struct edge *e, struct inquiry *q);

/* That listener accepts no more and its flows have `limit` milliseconds; "": all, and then the edge ends.
 * False: there is none of that name. */
bool edge_drain(struct edge *e, const char *listener, msec_t limit);

/* Resets everything, now. */
void edge_halt(struct edge *e);

/* True when no worker runs any more. */
bool edge_ended(const struct edge *e);

/* After edge_ended(), or when it never started. */
void edge_close(struct edge *e);

#endif
