#include <stdio.h>
#include <string.h>

#include "latency.h"

static unsigned bucket_of(uint64_t ns)
{
	unsigned shift;

	if (ns < 2 * LATENCY_FINE)
		return (unsigned)ns;
	/* The highest set bit picks the doubling, the six below it the bucket in it. */
	shift = 63 - (unsigned)__builtin_clzll(ns) - 6;
	return shift * LATENCY_FINE + (unsigned)(ns >> shift);
}

static double middle_of(unsigned bucket)
{
	unsigned shift;

	if (bucket < 2 * LATENCY_FINE)
		return bucket;
	shift = bucket / LATENCY_FINE - 1;
	return ((double)(bucket - shift * LATENCY_FINE) + 0.5) * (double)(1ull << shift);
}

void latency_reset(struct latency *l)
{
	memset(l, 0, sizeof(*l));
}

void latency_add(struct latency *l, uint64_t ns)
{
	l->count[bucket_of(ns)]++;
	l->total++;
}

double latency_share(const struct latency *l, double share)
{
	uint64_t seen = 0;

	for (unsigned i = 0; i < LATENCY_BUCKETS; i++) {
		seen += l->count[i];
		if (l->count[i] && (double)seen >= share * (double)l->total)
			return middle_of(i) / 1000;
	}
	return 0;
}

void latency_print(const struct latency *l)
{
	static const double shares[] = { 0.5, 0.75, 0.9, 0.95, 0.99, 0.995, 0.999, 0.9999 };

	printf(",\"p50_us\":%.1f,\"p99_us\":%.1f,\"p999_us\":%.1f", latency_share(l, 0.5),
	       latency_share(l, 0.99), latency_share(l, 0.999));
	for (size_t i = 0; i < sizeof(shares) / sizeof(*shares); i++)
		printf("%s[%g,%.1f]", i ? "," : ",\"curve\":[", shares[i],
		       latency_share(l, shares[i]));
	printf("]");
}
