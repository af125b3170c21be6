/* relay - two connected sockets, two halves: bytes, ends and resets go from one to the other.
 * Knows nothing of flows or configuration. What moves the bytes of a half is its path, a table
 * of functions; end of stream, back-pressure and failures are the same on every path.
 *
 * A half is driven by readiness that the ring reports once per event (edge-triggered), so
 * every path moves bytes until the source is dry or the destination is full.
 * Used by its own worker only. */
#ifndef TAILSPLICE_RELAY_RELAY_H
#define TAILSPLICE_RELAY_RELAY_H

#include "relay/half.h"

/* Takes ownership of both descriptors (blocking or not, connected) and starts. */
void relay_start(struct relay *r, struct relay_host *host, const struct path *path, int client,
		 int server);

/* How a client began before there was a relay. */
struct relay_opening {
	const uint8_t *bytes; /* it said them already: they leave before anything that is read */
	size_t n;
	bool look; /* passes nothing of it on before host->refuses() has seen how it begins */
};

/* The same, after that. False: no memory, and relay_close() is due. */
bool relay_start_with(struct relay *r, struct relay_host *host, const struct path *path, int client,
		      int server, const struct relay_opening *o);

/* Drives a relay that was on host->runnable. */
void relay_resume(struct relay *r);

/* For a path whose pump answered PUMP_BUSY: this is how it ended. PUMP_MORE goes on. */
void relay_landed(struct relay *r, struct half *h, enum pump result);

/* The other end of PUMP_BUSY: it is time to look again. */
void relay_again(struct relay *r, struct half *h);

/* What the kernel did without us counts from here on: half.moved, last_moved, last_from. */
void relay_refresh(struct relay *r);

/* Ends everything. With `reset` both legs are reset (RST), so that neither peer takes a cut
 * stream for a complete one. Afterwards call relay_reap() each turn until it is true. */
void relay_close(struct relay *r, bool reset);

/* True when nothing of the relay is left: no operation, no pipe, no descriptor. */
bool relay_reap(struct relay *r);

/* One end of stream was delivered, the other is still awaited. */
bool relay_half_closed(const struct relay *r);

/* Nothing is on its way: both halves are open, nothing is held, and the last word (or none yet) was
 * the server's. To end it now costs nobody a byte. */
bool relay_at_rest(struct relay *r);

/* For the log: the path that was asked for; auto answers what it used, splice once it spliced. */
const char *relay_path_name(const struct relay *r);

/* close(2) of this socket will send RST and discard what is unsent: SO_LINGER of 0 (socket(7)). */
void reset_on_close(int fd);

#endif
