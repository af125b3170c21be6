/* dial - a backend becomes a connected socket that has got its PROXY header.
 * Tries one address after another; the header leaves in the same chain as the connect, whole,
 * before any other byte, and waits for nobody. Used by its own worker only. */
#ifndef TAILSPLICE_BACKEND_DIAL_H
#define TAILSPLICE_BACKEND_DIAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "backend/pool.h"
#include "base/addr.h"
#include "engine/ring.h"

/* What the dials of one listener have in common. */
struct dial_plan {
	struct pool *pool;
	uint16_t port; /* where the server names none */
	struct timeouts timeouts;
};

struct dial {
	struct op connect, send;
	struct ring *ring;
	const struct dial_plan *plan;
	/* Called once, when no operation is armed any more. fd ≥ 0: connected, and the caller's;
	 * else -1, and `error` is the negative errno of the last attempt, or POOL_NO_ADDRESS, POOL_ALL_DOWN. */
	void (*done)(struct dial *d, int fd);
	struct choice *choices; /* until done() */
	struct server *
		server; /* of this attempt; entered. When connected, server_leave() is the caller's */
	struct addr to; /* the same */
	const uint8_t *header;
	int fd, error;
	uint16_t header_len, header_sent;
	uint8_t attempt, count;
	bool expired, stopped;
};

/* `client` decides where pools balance by source. The header is lent until done(); len 0: none. done() is called before
 * it returns when there is nothing to connect to. */
void dial_start(struct dial *d, struct ring *ring, const struct dial_plan *plan,
		const struct addr *client, const uint8_t *header, size_t len,
		void (*done)(struct dial *d, int fd));

/* The time of this attempt is over: the next address is tried, or it ends with -ETIMEDOUT. */
void dial_expire(struct dial *d);

/* Gives up. done() follows with -ECANCELED. */
void dial_stop(struct dial *d);

/* True while the kernel may still answer. */
bool dial_busy(const struct dial *d);

#endif
