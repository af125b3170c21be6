/* prefixes - networks with a value each, made once and then only read: the longest network that covers an address says
 * its value. Shared by threads and counted. 100 000 networks are found in well under a microsecond (measured in bench/). */
#ifndef TAILSPLICE_BASE_PREFIXES_H
#define TAILSPLICE_BASE_PREFIXES_H

#include <stddef.h>
#include <stdint.h>

#include "base/net.h"

struct prefix {
	struct net net;
	uint64_t value; /* not 0 */
};

/* For qsort(3): IPv4 first, then by address, a wider network before those within, the smaller value first. */
int prefix_compare(const void *a, const void *b);

/* The same order, of the networks alone. */
int prefix_compare_nets(const struct net *a, const struct net *b);

/* `at` is in that order. Of a network within another `nest` makes the value (NULL: its own holds); one that is there again
 * counts as within the first. NULL for no networks. The caller is the first holder. */
struct prefixes *prefixes_make(const struct prefix *at, size_t count,
			       uint64_t (*nest)(uint64_t outer, uint64_t inner));

/* Both accept NULL. */
struct prefixes *prefixes_get(struct prefixes *p);
void prefixes_put(struct prefixes *p);

/* 0: no network covers it. As in net_contains() an IPv4-mapped address counts as IPv4, and a network of one family covers
 * none of the other. NULL is empty. */
uint64_t prefixes_find(const struct prefixes *p, const struct addr *a);

#endif
