/* checker - the thread that asks every server whether it is up, as its health says how and when. At most CHECKER_TALKS
 * conversations at a time, the most overdue first. Flows never wait for it.
 * Functions are for the main thread, but for what is said otherwise. */
#ifndef TAILSPLICE_BACKEND_CHECKER_H
#define TAILSPLICE_BACKEND_CHECKER_H

#include <pthread.h>
#include <stdatomic.h>

#include "backend/server.h"

/* Descriptors it may hold at a time, besides its own. */
#define CHECKER_TALKS 64

struct checker {
	struct registry *registry; /* lent, until checker_close() */
	pthread_t thread;
	bool is_running;
	atomic_bool stopping;
	atomic_uint epoch; /* servers that were configured in it are checked */
	int wake;	   /* eventfd(2) */
	/* The thread's own. */
	struct check *checks;
	size_t count;
	unsigned seed;
};

/* 0, or negative errno. Nothing is checked yet. */
int checker_open(struct checker *c, struct registry *registry);

/* Not before all privileges are what they shall be. 0, or negative errno. */
int checker_start(struct checker *c);

/* Ends the thread, if it was started; checks under way are broken off. */
void checker_close(struct checker *c);

/* A new configuration: its servers are named by checker_add(), and others are checked no more. */
void checker_begin(struct checker *c);
void checker_add(struct checker *c, struct server *s, const struct check_plan *plan,
		 const char *proxy); /* a name, lent; NULL: none, or its address is in the plan */
void checker_commit(struct checker *c);

#endif
