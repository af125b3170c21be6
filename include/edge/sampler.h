/* sampler - which refused clients get a line in the log. A flood would write as many lines as there are
 * clients: of each reason the first SAMPLER_LINES in a second have one, and a line at the end of that second
 * says how many more there were.
 * Used by its worker only. */
#ifndef TAILSPLICE_EDGE_SAMPLER_H
#define TAILSPLICE_EDGE_SAMPLER_H

#include <stdbool.h>

#include "edge/why.h"
#include "engine/timer.h"

#define SAMPLER_LINES 10
#define SAMPLER_SPAN  1000

struct sampler {
	struct timers *timers;
	struct timer timer;
	struct {
		uint64_t said, silent; /* in this second */
	} of[WHY_COUNT];
};

void sampler_init(struct sampler *s, struct timers *timers);

/* True when this one has a line of its own. */
bool sampler_wants(struct sampler *s, enum why why, msec_t now);

/* Tells of those without a line. */
void sampler_finish(struct sampler *s);

#endif
