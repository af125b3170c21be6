/* carrier - what a path has that lets the kernel carry bytes from socket to socket, without us.
 * The relay stays what it is: ends, failures and closing are relay.c's, asked for by readiness of the legs
 * (POLLRDHUP, POLLERR, room), and answered by the path's pump, which knows what the kernel still has. A half that is
 * carried holds no byte of ours but what its pump was left with. */
#ifndef TAILSPLICE_RELAY_CARRIER_H
#define TAILSPLICE_RELAY_CARRIER_H

#include "relay/half.h"

struct carrier {
	/* By the main thread, before privileges go: once for the process, later calls answer the same. workers 0:
	 * asks whether it was done. NULL, or why it cannot be used. */
	const char *(*prepare)(size_t workers);

	/* Takes over what halves it can; both legs are new to the relay. Sets leg.quiet where the bytes
	 * of a leg are no concern of ours. */
	void (*start)(struct relay *r);

	/* Brings half.moved, last_moved and last_from up to date. */
	void (*refresh)(struct relay *r);

	/* True when the kernel has nothing on its way. */
	bool (*at_rest)(struct relay *r);

	/* The relay ends, its sockets are still open: settles what was moved, lets go of everything. */
	void (*stop)(struct relay *r);

	/* A worker ends; all its relays are gone. Called until it is true. */
	bool (*leave)(struct relay_host *host);
};

#endif
