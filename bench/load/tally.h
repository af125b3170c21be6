/* tally - what a mode counts while its window is open: how much was done, and how long each took. */
#ifndef BENCH_TALLY_H
#define BENCH_TALLY_H

#include <stdint.h>

#include "latency.h"
#include "load.h"
#include "measure.h"

struct tally {
	uint64_t done;
	struct latency latency;
};

/* One more, which took so many nanoseconds. */
void tally_add(struct tally *t, uint64_t ns);

/* Turns until the window closes; what was counted before it opened is dropped. */
void tally_run(struct tally *t, struct measure *m, const struct load *l, void (*turn)(void));

/* What measure_print() says, and the latencies; the mode closes the brace. */
void tally_print(const struct tally *t, const struct measure *m, const char *mode,
		 const char *unit);

#endif
