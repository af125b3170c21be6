/* drain - the way to an orderly end: for how long flows may go on, and whether whoever stops us
 * has that much patience. */
#ifndef TAILSPLICE_CONTROL_DRAIN_H
#define TAILSPLICE_CONTROL_DRAIN_H

#include "control/desk.h"

/* Accepts no more; flows have drain_limit(); then the edge ends. `who` asked for it, for the
 * log. Harmless when it drains already. */
void drain_all(struct desk *d, const char *who);

/* Milliseconds: what was configured; by default no longer than `docker stop` waits, in a
 * container. */
msec_t drain_limit(const struct desk *d);

/* Says at start when the flows would be killed before their time is over. */
void drain_check_patience(const struct desk *d);

#endif
