/* attempt - one try to reach one server at one address: its socket, the device and the source it is
 * bound to, the proxy it may lead through, the connect, the PROXY header. Used by its own worker only.
 *
 * Chained, the header is linked to the connect and leaves with it in one submission. Bare, it waits for
 * attempt_greet(), so that whoever lost a race has not heard a word. */
#ifndef TAILSPLICE_BACKEND_ATTEMPT_H
#define TAILSPLICE_BACKEND_ATTEMPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "backend/outgoing.h"
#include "backend/pool.h"
#include "backend/via.h"
#include "engine/ring.h"

struct attempt;

/* What the attempts of one dial have in common. */
struct attempt_terms {
	struct ring *ring;
	const struct backend_conf *conf;
	struct outgoing outgoing;
	struct addr proxy; /* where `via` leads, if there is one */
	const uint8_t *header; /* lent until the last attempt ended */
	size_t header_len;     /* 0: none */
	/* It is CONNECTED, READY or FAILED now, and no operation of it is armed. */
	void (*changed)(struct attempt *a);
};

enum attempt_state {
	ATTEMPT_NONE,	    /* the place is free */
	ATTEMPT_CONNECTING, /* the kernel is at it */
	ATTEMPT_CONNECTED,  /* bare, and not a byte went to the server */
	ATTEMPT_GREETING,   /* the header of a bare one is on its way */
	ATTEMPT_READY,	    /* with its header, if there is one */
	ATTEMPT_FAILED,	    /* nothing is left but the error */
};

struct attempt {
	struct op connect, send;
	const struct attempt_terms *terms;
	const struct choice *choice;
	struct via *via; /* allocated while it talks to a proxy */
	msec_t due;
	size_t sent; /* of the header */
	int fd, error;
	uint8_t state;
	bool chained, expired, stopped;
};

/* False: it failed before anything was started, with a->error; changed() is not called. The choice
 * is lent until it ended. */
bool attempt_start(struct attempt *a, const struct attempt_terms *terms,
		   const struct choice *choice, msec_t now, bool chained);

/* For one that is CONNECTED: the header, then changed(). */
void attempt_greet(struct attempt *a);

/* It is not needed any more: unless it got through meanwhile, it fails with -ECANCELED. A header that is
 * on its way is not cut. */
void attempt_drop(struct attempt *a);

/* The same at once, whatever is on its way. */
void attempt_stop(struct attempt *a);

/* Its time is over: -ETIMEDOUT. */
void attempt_expire(struct attempt *a);

/* The place becomes free. attempt_take() hands the descriptor of a READY one over, and with it the duty of
 * server_leave() and ports_leave(): attempts are counted while they last. attempt_clear() is for one without an
 * operation; it resets the connection, if there is one. */
int attempt_take(struct attempt *a);
void attempt_clear(struct attempt *a);

#endif
