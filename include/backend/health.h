/* health - which addresses of one server are up. Embedded in its server. Checks decide (checker.h); what flows meet
 * hastens them, and counts as failed checks, but never as the last one: a client that the server itself turns away must
 * not be able to take the server out of service. Without checks every address is up.
 *
 * As in HAProxy, an address nobody has checked yet counts as up and is checked at once, and its first check decides
 * alone; then `fall` failures in a row take it down, and `rise` successes bring it back.
 * From any thread: what all workers read is atomic while nothing is down, else a short mutex. */
#ifndef TAILSPLICE_BACKEND_HEALTH_H
#define TAILSPLICE_BACKEND_HEALTH_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "backend/conversation.h"
#include "backend/names.h"
#include "base/addr.h"
#include "base/bits.h"

enum health_event {
	HEALTH_WORKED,	       /* connected */
	HEALTH_CONNECT_FAILED, /* refused, unreachable or silent */
	HEALTH_CLOSED_EARLY, /* connected, then it ended, or had to be ended, without a byte of the server's */
};

/* How a server is checked. `conversation.to` is the address's turn. */
struct check_plan {
	bool on;
	uint16_t port;
	struct conversation_plan conversation;
	msec_t interval, fast; /* fast: while an address is not plainly up */
	unsigned rise, fall;
};

/* One address. */
struct health_place {
	struct addr at; /* port 0 */
	bool down, checked, busy;
	unsigned count; /* towards the other state: failures while it is up, successes while it is down */
	msec_t due, since,
		ended; /* next check; in this state (0: from the start); last check (0: none) */
	msec_t took;   /* the last check */
	char reason[OUTCOME_WORDS]; /* of the last failure */
};

struct health {
	pthread_mutex_t lock;
	atomic_uint down; /* places; exact, written under the lock */
	atomic_bool on;
	atomic_uint_least64_t up_since;
	struct check_plan plan;
	unsigned epoch; /* of the configuration that last said how to check it */
	int wake;	/* the checker's */
	size_t count;
	struct health_place place[NAME_ADDRESSES_MAX];
};

void health_init(struct health *h);
void health_finish(struct health *h);

/* May a new flow be led there? */
bool health_is_up(struct health *h, const struct addr *at);

/* What a flow met at that address. */
void health_note(struct health *h, const struct addr *at, enum health_event event);

/* When the first address came up again after all were down (timer_now()); 0: never. Slow start counts from there. */
msec_t health_up_since(const struct health *h);

/* How it is to be checked from now on, by whom (an eventfd, lent), in which configuration. States are kept. */
void health_configure(struct health *h, const struct check_plan *plan, unsigned epoch, int wake);

/* The rest is the checker's. */

/* The addresses the server has now: new ones are checked at once, those that are gone are forgotten. False: it is not
 * checked in that configuration. */
bool health_sync(struct health *h, unsigned epoch, const struct addr *at, size_t count, msec_t now);

/* When the next check is due; TIMER_NONE: never, or all are under way. */
msec_t health_due(struct health *h);

/* The address that is most overdue; it is under way then. False: none is due. */
bool health_take(struct health *h, msec_t now, struct check_plan *plan);

/* What a check found, for the log. */
struct health_change {
	bool changed, down;
	unsigned checks; /* that agreed */
	msec_t lasted;	 /* the state before */
};

/* jitter: 0 … 255, spreads the next checks. */
void health_result(struct health *h, const struct addr *at, const struct outcome *o, msec_t now,
		   uint8_t jitter, struct health_change *out);

/* A check that came to nothing: of ours, not of the server's. It is due again. */
void health_give_back(struct health *h, const struct addr *at);

/* For the operator: a copy. */
struct health_view {
	bool on;
	size_t count;
	struct health_place place[NAME_ADDRESSES_MAX];
};

void health_look(struct health *h, struct health_view *out);

/* "up", "falling", "down" or "rising"; "unchecked" before the first check. */
const char *health_word(const struct health_place *p);

#endif
