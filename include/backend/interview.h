/* interview - one address of a server is asked until it is known what is wrong with it, or that nothing is: at most five
 * conversations, each begun only when those before leave the question open. Its owner polls. Belongs to one thread. */
#ifndef TAILSPLICE_BACKEND_INTERVIEW_H
#define TAILSPLICE_BACKEND_INTERVIEW_H

#include <poll.h>

#include "backend/conversation.h"
#include "backend/verdict.h"

struct interview {
	struct addr to;
	struct outgoing outgoing; /* the caller sets it, after interview_init() */
	struct passage passage;	  /* and this */
	msec_t connect_timeout, timeout;
	struct evidence evidence;
	enum finding finding;		    /* once it is known; then leave may still be taken */
	struct conversation *talk[MANNERS]; /* NULL: not asked, or over */
};

/* Nothing is asked yet. */
void interview_init(struct interview *q, const struct addr *to, enum pp_version configured,
		    enum speech expect, msec_t connect_timeout, msec_t timeout);
void interview_finish(struct interview *q);

/* True when a further conversation is wanted: then interview_ask(), when the owner thinks it is time. */
bool interview_wants(const struct interview *q);
/* Milliseconds that it should come after the last connection to that machine. */
msec_t interview_pause(const struct interview *q);
void interview_ask(struct interview *q, msec_t now);

/* What to poll for, at most MANNERS of them; returns how many. *due becomes the time of the next step, if that is sooner. */
size_t interview_poll(const struct interview *q, struct pollfd out[static MANNERS], msec_t *due);

/* With what came of that poll. */
void interview_step(struct interview *q, const struct pollfd *polled, msec_t now);

/* Something is under way. */
bool interview_talks(const struct interview *q);

/* The finding is known and nothing is under way any more. */
bool interview_over(const struct interview *q);

#endif
