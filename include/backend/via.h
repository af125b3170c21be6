/* via - the conversation with a SOCKS5 proxy on a connected socket, until a server is at the other end of it.
 * Reads not one byte more: a server that speaks first may have begun already. Used by its own worker only. */
#ifndef TAILSPLICE_BACKEND_VIA_H
#define TAILSPLICE_BACKEND_VIA_H

#include "codec/socks.h"
#include "config/model.h"
#include "engine/ring.h"

struct via {
	struct op op;
	struct ring *ring;
	const struct via_conf *conf;
	const char *name; /* of the server, for the proxy to resolve; NULL: `to` is its address */
	struct addr to;	  /* its port, and its address */
	/* Called once, when nothing is armed. 0, or negative errno: -EPROTO, it is no SOCKS5 proxy;
	 * anything else is what it says of the server. */
	void (*done)(struct via *v, int error);
	void *owner;
	int fd; /* the caller's */
	uint8_t step;
	bool sending, cancelled;
	size_t used, len; /* of bytes: what went or came, and how many there are to go */
	uint8_t bytes[SOCKS_WRITE_MAX];
};

/* The caller has filled in everything from ring to fd. */
void via_start(struct via *v);

/* done() follows, with -ECANCELED. */
void via_cancel(struct via *v);

#endif
