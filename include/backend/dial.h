/* dial - a backend becomes a connected socket that has got its PROXY header: a race over the addresses
 * of its servers (RFC 8305). The next address is tried as soon as one failed, or DIAL_STAGGER after the last was begun;
 * the first that connects wins, and the others are given up.
 *
 * An attempt without rivals sends the header in one chain with its connect: one submission, and the server
 * hears it with the handshake's last packet. Rivals connect bare, and only the winner is sent the
 * header, once a chained attempt is known not to have got through; if it has, it is the winner. So
 * one server hears of a client, never two, and no server takes a header for the start of a mail that
 * goes elsewhere. A winner that ends before it took the header is one that failed: the client's own bytes
 * wait in its socket, so the remaining addresses are tried.
 *
 * Lives on the heap for as long as it is dialled. Used by its own worker only. */
#ifndef TAILSPLICE_BACKEND_DIAL_H
#define TAILSPLICE_BACKEND_DIAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "backend/attempt.h"
#include "backend/pool.h"
#include "engine/ring.h"
#include "engine/timer.h"

/* RFC 8305 5 and 8: Connection Attempt Delay. */
#define DIAL_STAGGER 250

/* What the dials of one listener have in common. */
struct dial_plan {
	struct pool *pool;
	uint16_t port; /* where the server names none */
	struct timeouts timeouts;
};

struct dial {
	struct attempt_terms terms;
	struct pool *pool;
	struct timers *timers;
	struct timer timer;
	const msec_t *now; /* the time of this turn; lent */
	void *owner;
	/* Called once, as the last thing, when no operation is armed any more: it may free the dial. fd ≥ 0:
	 * connected, and the caller's; else -1, and `error` is a negative errno, that of the last attempt
	 * which got an answer or none. */
	void (*done)(struct dial *d, int fd);
	struct op watch; /* of the client */
	int client, error;
	msec_t next_due;	     /* when the next attempt may begin although none failed */
	msec_t until;		     /* none begins after that */
	const struct choice *chosen; /* the winner, or the last that was tried; NULL: none was */
	struct attempt *winner;
	size_t begun, nchoices;
	bool stopped;
	bool moved; /* an address was given up because it is the server's no longer: it is worth dialling anew */
	bool client_gone; /* it reset its connection: error is -ECANCELED */
	struct attempt attempts[DIAL_AT_ONCE];
	struct choice choices[]; /* in the order in which they are tried */
};

/* For these addresses, at least one. `client` is watched when it takes longer, so that nobody is dialled
 * for a client that reset its connection; its end of stream is none of our business. Header and client
 * are lent until done(). NULL: no memory. Then set owner and done, and dial_start(). */
struct dial *dial_new(struct ring *ring, struct timers *timers, const struct dial_plan *plan,
		      const struct choice *choices, size_t count);

/* done() may be called before it returns, when nothing can be started. */
void dial_start(struct dial *d, const uint8_t *header, size_t len, int client, const msec_t *now);

/* Gives up. done() follows with -ECANCELED. */
void dial_stop(struct dial *d);

/* After done(). */
void dial_free(struct dial *d);

#endif
