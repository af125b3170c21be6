/* tarpit - clients that were turned away and are kept waiting: their connections stay open, nothing is read or sent, and after
 * TARPIT_HOLD they are reset. A number at a time; whoever comes when it is full is not held.
 * Used by its worker only. */
#ifndef TAILSPLICE_EDGE_TARPIT_H
#define TAILSPLICE_EDGE_TARPIT_H

#include <stdbool.h>

#include "engine/timer.h"

#define TARPIT_HOLD 30000

/* Of all workers together: each costs a descriptor. */
#define TARPIT_MOST 256

struct tarpit {
	struct timers *timers;
	struct timer timer;
	struct tarpit_place {
		int fd;
		msec_t due;
	} * at; /* a circle of `room`; NULL until the first is held */
	size_t first, count, room;
};

void tarpit_init(struct tarpit *t, struct timers *timers, size_t room);

/* Resets who is still held. */
void tarpit_finish(struct tarpit *t);

/* Takes ownership of a socket; false: it is full, and the socket is the caller's still. */
bool tarpit_hold(struct tarpit *t, int fd, msec_t now);

#endif
