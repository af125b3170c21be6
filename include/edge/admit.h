/* admit - how many flows there may be, in all or of one listener. Shared by all workers; exact across them.
 * When there is no room, listeners pause instead of refusing: clients wait in the accept queue,
 * as behind HAProxy's maxconn. Said once when it starts and once when it is over. */
#ifndef TAILSPLICE_EDGE_ADMIT_H
#define TAILSPLICE_EDGE_ADMIT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct admit {
	atomic_size_t flows;
	atomic_bool strained;
	atomic_size_t strained_at;    /* flows when it began */
	atomic_bool said;	      /* the log told of it */
	atomic_uint_fast64_t said_at; /* and when; timer_now() */
	atomic_uint_fast64_t pauses;  /* how often accept was paused */
	atomic_size_t max_flows;
	const char *listener; /* of that listener of the file; NULL: of all; lent */
};

void admit_init(struct admit *a, size_t max_flows);

/* A reload may change it. Flows over a lower limit live on. */
void admit_set_limit(struct admit *a, size_t max_flows);
size_t admit_limit(const struct admit *a);

/* Takes a place. False: there is none. */
bool admit_enter(struct admit *a);

/* Gives a place back. */
void admit_leave(struct admit *a);

/* Places left now. */
size_t admit_room(const struct admit *a);

/* A listener paused: `reason` is for the log. */
void admit_strain(struct admit *a, const char *reason);

/* What RLIMIT_NOFILE allows: descriptors for files, listeners, rings; for pipes; two a flow. */
struct fd_budget {
	size_t limit, pipes, max_flows;
};

/* `fixed`: descriptors the process needs whatever the traffic. */
struct fd_budget admit_budget(size_t limit, size_t fixed);

#endif
