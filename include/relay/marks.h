/* marks - where a read stopped: at an urgent mark, or because the socket is empty.
 * Both look the same (tcp(7)), and what lies behind a mark is no new event: whoever takes a short read for the end of what
 * is there has to ask, which doubles the calls of a short message. So a worker with much to do asks later: most have read
 * again by then, and a read passes the mark (figures: bench/results/experiments.md).
 * Used by its own worker only. */
#ifndef TAILSPLICE_RELAY_MARKS_H
#define TAILSPLICE_RELAY_MARKS_H

#include "relay/half.h"

/* A turn with so many results is one of a worker with much to do: the look that is put off wakes nobody who sleeps. */
#define MARKS_CROWD 4

/* NULL: no memory. To be closed after the last relay, before the host's timers are gone. */
struct marks *marks_open(void);
void marks_close(struct marks *m);

/* True when a read stopped at a mark, with more bytes behind it. Readiness does not tell (data wakes with POLLPRI set, mark
 * or not). recv(2) passes the mark at the next call; splice(2) never does. sockatmark(3) */
bool marks_here(int fd);

/* True: what the half's source holds is looked at within milliseconds, unless it is read before. False: the caller has to
 * ask now, since there is little to do, or no place. */
bool marks_put_off(struct relay *r, struct half *h);

/* The relay ends. */
void marks_forget(struct relay *r);

#endif
