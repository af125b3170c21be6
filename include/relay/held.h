/* held - what a half holds between two turns: the rest of a short send, a pipe with bytes, or
 * an operation in the ring. For relay.c and the paths.
 * The rest is bounded by the worker's buffer, the pipe by its size: a slow reader costs that. */
#ifndef TAILSPLICE_RELAY_HELD_H
#define TAILSPLICE_RELAY_HELD_H

#include "relay/half.h"

/* A splice in the ring. */
struct flight {
	struct op op;
	struct relay *relay;
	struct half *half;
	bool filling; /* source → pipe; else pipe → destination */
};

bool held_bytes(const struct half *h);

static inline bool held_in_flight(const struct half *h)
{
	return h->flight && h->flight->op.armed;
}

/* Sends what is held. PUMP_MORE: nothing is left, go on reading. */
enum pump held_flush(struct relay *r, struct half *h);

/* Copies n bytes that the destination did not take. PUMP_FULL, or PUMP_FAILED without memory. */
enum pump held_keep(struct half *h, const uint8_t *bytes, size_t n);

/* Borrows a pipe, if the half has none. False: there is none to be had, copy instead. */
bool held_borrow_pipe(struct relay *r, struct half *h);

/* Gives the pipe back if it is empty. */
void held_return_pipe(struct relay *r, struct half *h);

void held_cancel(struct ring *ring, struct half *h);
void held_release(struct pipes *pipes, struct half *h);

#endif
