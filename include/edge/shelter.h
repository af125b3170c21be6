/* shelter - what a client gets while no server of its backend can be reached (`on-down`): it is kept until one can be, or
 * it is sent away with a polite 421, so that it comes again instead of returning the mail. Used by the flow's worker. */
#ifndef TAILSPLICE_EDGE_SHELTER_H
#define TAILSPLICE_EDGE_SHELTER_H

#include "edge/life.h"

/* Milliseconds between two looks at a flow in it. */
#define SHELTER_LOOK 50

enum shelter {
	SHELTER_NONE, /* reset it */
	SHELTER_HOLD,
	SHELTER_FAREWELL,
};

/* Of a flow whose dial failed for that reason. A name that was never asked yet is waited for in any case, for a moment.
 * There are only so many places: a quarter of max-flows. */
enum shelter shelter_offer(const struct flow *f, enum why why);

/* Milliseconds that it is kept. */
msec_t shelter_patience(const struct flow *f);

/* Until the next dial of a flow that is kept since `since`: at once when nothing was dialled. */
msec_t shelter_pause(enum why why, msec_t since, msec_t now);

/* WHY_NONE: the client is still there. */
enum why shelter_client(int fd);

/* "421 4.3.2 …" (RFC 5321 3.8, 4.2.1; RFC 3463 3.4), and the end of what we say. */
void shelter_say_farewell(int fd);

/* Reads and throws away what the client says, into that buffer: unread bytes would make the end a reset, and the reset
 * may overtake the 421. True: nothing more comes. */
bool shelter_is_heard(int fd, void *buffer, size_t size);

#endif
