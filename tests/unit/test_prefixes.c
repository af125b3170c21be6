/* Networks with values: by hand, and against a list that is asked network by network. */
#include "base/prefixes.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bits.h"
#include "check.h"

static struct net read_net(const char *text)
{
	struct net n = { 0 };

	cr_assert(net_parse(&n, text) == 0, "%s", text);
	return n;
}

static uint64_t find(const struct prefixes *p, const char *text)
{
	struct addr a = { 0 };

	cr_assert(addr_parse(&a, text, 4711), "%s", text);
	return prefixes_find(p, &a);
}

static uint64_t larger(uint64_t outer, uint64_t inner)
{
	return max_of(outer, inner);
}

/* "192.0.2.0/24=1 192.0.2.7=2", in any order. */
static struct prefixes *make(const char *text, uint64_t (*nest)(uint64_t, uint64_t))
{
	struct prefix at[20];
	char words[300], *rest;
	size_t count = 0;

	snprintf(words, sizeof(words), "%s", text);
	for (char *w = strtok_r(words, " ", &rest); w; w = strtok_r(NULL, " ", &rest)) {
		char *value = strchr(w, '=');

		*value++ = '\0';
		at[count++] = (struct prefix){ read_net(w), (uint64_t)atoi(value) };
	}
	qsort(at, count, sizeof(*at), prefix_compare);
	return prefixes_make(at, count, nest);
}

Test(prefixes, longest_says)
{
	static const struct {
		const char *nets, *address;
		uint64_t value, nested;
	} rows[] = {
		{ "192.0.2.0/24=1", "192.0.2.0", 1, 1 },
		{ "192.0.2.0/24=1", "192.0.2.255", 1, 1 },
		{ "192.0.2.0/24=1", "192.0.3.0", 0, 0 },
		{ "192.0.2.0/24=1", "192.0.1.255", 0, 0 },
		{ "192.0.2.0/24=1", "::ffff:192.0.2.9", 1, 1 },
		{ "192.0.2.0/24=1", "::192.0.2.9", 0, 0 },
		{ "192.0.2.0/24=3 192.0.2.7=2", "192.0.2.7", 2, 3 },
		{ "192.0.2.0/24=3 192.0.2.7=2", "192.0.2.8", 3, 3 },
		{ "192.0.2.0/24=1 192.0.2.0/25=2 192.0.2.0=3", "192.0.2.0", 3, 3 },
		{ "192.0.2.0/24=1 192.0.2.0/25=2 192.0.2.0=3", "192.0.2.1", 2, 2 },
		{ "192.0.2.0/24=1 192.0.2.0/25=2 192.0.2.0=3", "192.0.2.128", 1, 1 },
		{ "192.0.2.0/24=1 192.0.2.255=2", "192.0.2.255", 2, 2 },
		{ "192.0.2.0/24=1 192.0.2.255=2", "192.0.3.0", 0, 0 },
		{ "192.0.2.0/24=1 192.0.3.0/24=2", "192.0.3.0", 2, 2 },
		{ "192.0.2.0/25=1 192.0.2.128/25=1", "192.0.2.128", 1, 1 },
		{ "192.0.2.0/24=2 192.0.2.0/24=1", "192.0.2.9", 2, 2 },
		{ "0.0.0.0/0=1", "255.255.255.255", 1, 1 },
		{ "0.0.0.0/0=1", "::1", 0, 0 },
		{ "0.0.0.0/0=1 255.255.255.255=2", "255.255.255.255", 2, 2 },
		{ "::/0=1", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", 1, 1 },
		{ "::/0=1", "192.0.2.1", 0, 0 },
		{ "::/0=1 2001:db8::/32=2", "2001:db8::1", 2, 2 },
		{ "::/0=1 2001:db8::/32=2", "2001:db9::", 1, 1 },
		{ "2001:db8::/64=1 2001:db8:0:1::/64=2", "2001:db8:0:1::", 2, 2 },
		{ "2001:db8::/64=1 192.0.2.1=2", "192.0.2.1", 2, 2 },
	};
	char label[200];

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct prefixes *p = make(rows[i].nets, NULL), *n = make(rows[i].nets, larger);

		snprintf(label, sizeof(label), "%s: %s", rows[i].nets, rows[i].address);
		expect_num(find(p, rows[i].address), rows[i].value, label);
		expect_num(find(n, rows[i].address), rows[i].nested, label);
		prefixes_put(p);
		prefixes_put(n);
	}
}

Test(prefixes, nothing)
{
	struct prefixes *p = prefixes_make(NULL, 0, NULL);
	struct addr unknown = { 0 };

	cr_expect(!p && find(p, "192.0.2.1") == 0 && find(p, "::1") == 0, "no networks");
	p = make("::/0=1 0.0.0.0/0=2", NULL);
	expect_num(prefixes_find(p, &unknown), 0, "an address that is not known");
	prefixes_put(p);
	cr_expect(!prefixes_get(NULL), "no set has no holder");
	prefixes_put(NULL);
}

/* The same numbers each time. */
static uint32_t chance(uint32_t *state, uint32_t below)
{
	*state = *state * 1664525 + 1013904223;
	return (*state >> 8) % below;
}

/* Few bits differ, so that networks nest and meet. */
static struct prefix random_prefix(uint32_t *state)
{
	static const char *const bases[] = {
		"0.0.0.0", "192.0.2.0",	 "255.255.255.0",
		"::",	   "2001:db8::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ff00"
	};
	const char *base = bases[chance(state, ARRAY_LEN(bases))];
	unsigned width = strchr(base, ':') ? 128 : 32;
	struct prefix p = { .value = 1 + chance(state, 5) };
	char text[NET_TEXT], host[ADDR_TEXT];
	struct addr a;

	addr_parse(&a, base, 0);
	(width == 32 ? (uint8_t *)&a.v4.sin_addr : a.v6.sin6_addr.s6_addr)[width / 8 - 1] =
		(uint8_t)chance(state, 256);
	snprintf(text, sizeof(text), "%.60s/%u", addr_format_host(&a, host),
		 width - (chance(state, 8) ? chance(state, 9) : chance(state, width + 1)));
	cr_assert(net_parse(&p.net, text) != -EINVAL, "%s", text);
	return p;
}

/* The last of the longest. */
static uint64_t find_naively(const struct prefix *at, size_t count, const struct addr *a)
{
	const struct prefix *best = NULL;

	for (size_t i = 0; i < count; i++)
		if (net_contains(&at[i].net, a) && (!best || at[i].net.bits >= best->net.bits))
			best = &at[i];
	return best ? best->value : 0;
}

Test(prefixes, agree_with_a_list)
{
	enum { ROUNDS = 400, MOST = 60 };
	struct prefix at[MOST];
	uint32_t state = 3;
	char text[ADDR_TEXT];

	for (int round = 0; round < ROUNDS; round++) {
		size_t count = chance(&state, MOST);
		struct prefixes *p;

		for (size_t i = 0; i < count; i++)
			at[i] = random_prefix(&state);
		qsort(at, count, sizeof(*at), prefix_compare);
		p = prefixes_make(at, count, NULL);
		for (int i = 0; i < 200; i++) {
			struct prefix one = random_prefix(&state);

			cr_expect(prefixes_find(p, &one.net.base) ==
					  find_naively(at, count, &one.net.base),
				  "%s among %zu", addr_format(&one.net.base, text), count);
		}
		prefixes_put(p);
	}
}

enum { READERS = 4 };

static void *read_and_put(void *arg)
{
	struct prefixes *p = arg;

	for (int i = 0; i < 10000; i++) {
		struct prefixes *mine = prefixes_get(p);

		cr_expect(find(mine, "192.0.2.9") == 1);
		prefixes_put(mine);
	}
	prefixes_put(p);
	return NULL;
}

/* Whoever lets go last frees it: sanitizers see a double free or a leak. */
Test(prefixes, many_holders)
{
	struct prefixes *p = make("192.0.2.0/24=1", NULL);
	pthread_t threads[READERS];

	for (int i = 0; i < READERS; i++)
		cr_assert(pthread_create(&threads[i], NULL, read_and_put, prefixes_get(p)) == 0);
	prefixes_put(p);
	for (int i = 0; i < READERS; i++)
		pthread_join(threads[i], NULL);
}
