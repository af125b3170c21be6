/* measure - one window of time, and what CPU the machine and the proxy's processes used in it.
 * The whole machine is counted, because most of a proxied byte's cost is in the kernel and much of
 * that in soft interrupts, which belong to nobody. /proc/stat counts in hundredths of a second: a
 * window wants seconds. */
#ifndef BENCH_MEASURE_H
#define BENCH_MEASURE_H

#include <stdbool.h>
#include <stdint.h>

#include "load.h"

struct measure {
	const int *pids;
	int npids;
	uint64_t opens, span, closes; /* monotonic ns: when it is due to begin, how long, to end */
	bool open;
	uint64_t since;
	double seconds; /* the rest is valid after measure_end() */
	double busy;	/* CPU seconds of all cores, all but idle and iowait */
	double stolen;	/* of these, what the hypervisor gave to others */
	double proxy;	/* CPU seconds of the pids */
};

enum measure_turn { MEASURE_WAITS, MEASURE_OPENS, MEASURE_RUNS, MEASURE_CLOSES };

uint64_t clock_ns(void);

/* A window of l->seconds that opens l->warmup from now. */
void measure_plan(struct measure *m, const struct load *l);

/* Asked once a loop turn: opens and closes the window when due. At MEASURE_OPENS the caller drops
 * what it counted so far. */
enum measure_turn measure_turn(struct measure *m, uint64_t now);

void measure_begin(struct measure *m);
void measure_end(struct measure *m);

/* The fields that every mode has, after an opening brace; the mode adds its own and closes it. */
void measure_print(const struct measure *m, const char *mode, const char *unit, double units);

#endif
