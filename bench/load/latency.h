/* latency - how long things took, as a histogram.
 * Buckets grow with the value (64 to a doubling: within 1.6 %), so millions of samples cost 32 KiB
 * and no sorting. */
#ifndef BENCH_LATENCY_H
#define BENCH_LATENCY_H

#include <stdint.h>

#define LATENCY_FINE	64
#define LATENCY_BUCKETS (60 * LATENCY_FINE)

struct latency {
	uint64_t total;
	uint64_t count[LATENCY_BUCKETS];
};

void latency_reset(struct latency *l);
void latency_add(struct latency *l, uint64_t ns);

/* The microseconds that this share (0 to 1) of the samples did not exceed; 0 without samples. */
double latency_share(const struct latency *l, double share);

/* p50, p99 and p99.9 as JSON fields, after others, and a curve of [share, microseconds]. */
void latency_print(const struct latency *l);

#endif
