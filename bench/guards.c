/* guards: what it costs to judge a client. Prints one line a measurement:
 *
 *   guards [NETWORKS [SOURCES]]
 *
 * prefixes: networks of both families in one set (100 000), asked for addresses of which half are within one, in an order that
 * caches do not like. sources: a flood of clients, each new (2^20), by one thread and by two; and the memory that remains. */
#include <arpa/inet.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/prefixes.h"
#include "edge/sources.h"

#define ASKED 1000000

static uint64_t state = 88172645463325252ull;

/* xorshift64 (Marsaglia 2003): the same numbers each time. */
static uint64_t next(void)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state;
}

static double seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static size_t resident(void)
{
	FILE *f = fopen("/proc/self/statm", "re");
	size_t all = 0, pages = 0;

	if (f) {
		if (fscanf(f, "%zu %zu", &all, &pages) != 2)
			pages = 0;
		fclose(f);
	}
	return pages * (size_t)sysconf(_SC_PAGESIZE);
}

static struct addr random_addr(int family)
{
	struct addr a = { .sa.sa_family = (sa_family_t)family };
	uint64_t high = next(), low = next();

	if (family == AF_INET) {
		a.v4.sin_addr.s_addr = (uint32_t)high;
		return a;
	}
	memcpy(a.v6.sin6_addr.s6_addr, &high, 8);
	memcpy(a.v6.sin6_addr.s6_addr + 8, &low, 8);
	a.v6.sin6_addr.s6_addr[0] = 0x20 | (a.v6.sin6_addr.s6_addr[0] & 0x0f);
	return a;
}

static struct prefix random_prefix(int family)
{
	struct addr a = random_addr(family);
	char host[ADDR_TEXT], text[NET_TEXT];
	struct prefix p = { .value = 1 };

	snprintf(text, sizeof(text), "%.60s/%u", addr_format_host(&a, host),
		 family == AF_INET ? 16 + (unsigned)(next() % 17) : 32 + (unsigned)(next() % 33));
	net_parse(&p.net, text);
	return p;
}

static void measure_prefixes(const char *name, size_t count, int family)
{
	struct prefix *at = calloc(count, sizeof(*at));
	struct addr *asked = calloc(ASKED, sizeof(*asked));
	uint64_t found = 0;
	struct prefixes *p;
	double began;

	for (size_t i = 0; i < count; i++)
		at[i] = random_prefix(family ? family : i % 2 ? AF_INET : AF_INET6);
	for (size_t i = 0; i < ASKED; i++)
		asked[i] = i % 2 ? at[next() % count].net.base
				 : random_addr(family	    ? family
					       : next() % 2 ? AF_INET
							    : AF_INET6);
	began = seconds();
	qsort(at, count, sizeof(*at), prefix_compare);
	p = prefixes_make(at, count, NULL);
	printf("prefixes %-5s %zu networks: made in %.0f ms", name, count,
	       (seconds() - began) * 1e3);
	began = seconds();
	for (size_t i = 0; i < ASKED; i++)
		found += prefixes_find(p, &asked[i]);
	printf(", %.0f ns a lookup, %.0f%% found\n", (seconds() - began) / ASKED * 1e9,
	       100.0 * (double)found / ASKED);
	prefixes_put(p);
	free(asked);
	free(at);
}

struct flood {
	struct sources *sources;
	uint32_t first, count;
	uint64_t refused;
};

/* Public IPv4 and as many /64s, no two in a row alike. */
static void *pour(void *arg)
{
	const struct source_limits limits = { .flows = 500, .count = 500, .per = 3600000 };
	struct flood *f = arg;

	for (uint32_t i = 0; i < f->count; i++) {
		struct addr a = { .v4.sin_family = AF_INET };
		struct sources_entry *e;
		uint32_t n = (f->first + i) * 2654435761u;

		a.v4.sin_addr.s_addr = n;
		if (i % 2) {
			a = (struct addr){ .v6.sin6_family = AF_INET6 };
			a.v6.sin6_addr.s6_addr32[0] = htonl(0x20010000 + n % 4096);
			a.v6.sin6_addr.s6_addr32[1] = n;
		}
		if (sources_enter(f->sources, 0, &a, &limits, 1, &e) != WHY_NONE)
			f->refused++;
		else
			sources_leave(f->sources, e, 1);
	}
	return NULL;
}

static void measure_sources(uint32_t count, unsigned threads)
{
	struct flood floods[8] = { 0 };
	pthread_t thread[8];
	size_t before = resident();
	double began = seconds(), took;
	struct sources *s = sources_open();
	struct sources_size size;

	for (unsigned i = 0; i < threads; i++) {
		floods[i] = (struct flood){ s, i * count / threads, count / threads, 0 };
		pthread_create(&thread[i], NULL, pour, &floods[i]);
	}
	for (unsigned i = 0; i < threads; i++)
		pthread_join(thread[i], NULL);
	took = seconds() - began;
	size = sources_size(s);
	printf("sources  %u new ones, %u threads: %.0f ns each (enter and leave), %zu remembered, %+.1f MiB resident\n",
	       count, threads, took / count * 1e9 * threads, size.entries,
	       ((double)resident() - (double)before) / (1 << 20));
	sources_close(s);
}

int main(int argc, char **argv)
{
	size_t networks = argc > 1 ? strtoul(argv[1], NULL, 10) : 100000;
	uint32_t sources = argc > 2 ? (uint32_t)strtoul(argv[2], NULL, 10) : 1u << 20;

	if (!networks || !sources) {
		fprintf(stderr, "usage: guards [NETWORKS [SOURCES]]\n");
		return 1;
	}
	measure_prefixes("IPv4", networks, AF_INET);
	measure_prefixes("IPv6", networks, AF_INET6);
	measure_prefixes("both", networks, 0);
	measure_sources(sources, 1);
	measure_sources(4 * sources, 1);
	measure_sources(sources, 2);
	return 0;
}
