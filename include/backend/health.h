/* health - which addresses of one server are up. Embedded in its server; read and written by any thread.
 * So far nothing finds out: every address is up. */
#ifndef TAILSPLICE_BACKEND_HEALTH_H
#define TAILSPLICE_BACKEND_HEALTH_H

#include <stdbool.h>

#include "base/addr.h"
#include "base/bits.h"

enum health_event {
	HEALTH_WORKED,	       /* connected */
	HEALTH_CONNECT_FAILED, /* refused, unreachable or silent */
	HEALTH_CLOSED_EARLY,   /* connected, then the server ended it without a byte */
};

struct health {
	bool nothing_yet;
};

void health_init(struct health *h);
void health_finish(struct health *h);

/* May a new flow be led there? */
bool health_is_up(const struct health *h, const struct addr *at);

/* What a flow met at that address. */
void health_note(struct health *h, const struct addr *at, enum health_event event);

/* When the first address came up again after all were down (timer_now()); 0: never. Slow start counts from there. */
msec_t health_up_since(const struct health *h);

#endif
