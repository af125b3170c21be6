/* Flows and rates of each client: by hand, against a list, from several threads, and under a flood. */
#include "edge/sources.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "check.h"

static struct addr read_addr(const char *text)
{
	struct addr a = { 0 };

	cr_assert(addr_parse(&a, text, 4711), "%s", text);
	return a;
}

static enum why enter(struct sources *s, const char *client, struct source_limits l, msec_t now,
		      struct sources_entry **out)
{
	struct addr a = read_addr(client);

	return sources_enter(s, 0, &a, &l, now, out);
}

static void expect_empty(struct sources *s, const char *label)
{
	expect_num(sources_size(s).entries, 0, label);
	expect_num(sources_size(s).idle, 0, label);
}

/* Two flows of the first are there; may the second have one? */
Test(sources, who_is_the_same)
{
	static const struct {
		const char *first, *second;
		bool same;
	} rows[] = {
		{ "192.0.2.1", "192.0.2.1", true },
		{ "192.0.2.1", "::ffff:192.0.2.1", true },
		{ "192.0.2.1", "192.0.2.2", false },
		{ "2001:db8:1:2::1", "2001:db8:1:2::1", true },
		{ "2001:db8:1:2::1", "2001:db8:1:2:ffff:ffff:ffff:ffff", true },
		{ "2001:db8:1:2::1", "2001:db8:1:3::1", false },
		{ "2001:db8:1:2::1", "2001:db8:2:2::1", false },
		{ "2001:db8:1:0::1", "2001:db8:1:1::1", false },
		{ "::192.0.2.1", "192.0.2.1", false },
		{ "0.0.0.0", "::", false },
		{ "::", "::1", true },
	};
	struct source_limits l = { .flows = 2 };
	char label[120];

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct sources *s = sources_open();
		struct sources_entry *held[3];

		snprintf(label, sizeof(label), "%s %s", rows[i].first, rows[i].second);
		expect_num(enter(s, rows[i].first, l, 0, &held[0]), WHY_NONE, label);
		expect_num(enter(s, rows[i].first, l, 0, &held[1]), WHY_NONE, label);
		expect_num(enter(s, rows[i].second, l, 0, &held[2]),
			   rows[i].same ? WHY_LIMIT_SOURCE : WHY_NONE, label);
		cr_expect(!held[2] == rows[i].same, "%s: nothing is held by who is refused", label);
		for (int k = 0; k < 3; k++)
			sources_leave(s, held[k], 0);
		expect_empty(s, label);
		sources_close(s);
	}
}

Test(sources, no_limits_count_nothing)
{
	struct sources *s = sources_open();
	struct addr unknown = { 0 };
	struct source_limits one = { .flows = 1 };
	struct sources_entry *e;

	expect_num(enter(s, "192.0.2.1", (struct source_limits){ 0 }, 0, &e), WHY_NONE,
		   "no limits");
	cr_expect(!e);
	expect_num(sources_enter(s, 0, &unknown, &one, 0, &e), WHY_NONE, "no address");
	cr_expect(!e);
	expect_num(sources_enter(NULL, 0, &unknown, &one, 0, &e), WHY_NONE, "no table");
	sources_leave(s, NULL, 0);
	expect_empty(s, "nothing");
	sources_close(s);
	sources_close(NULL);
}

/* Eight times as many for a /48, whoever in it has them; and the groups count for themselves. */
Test(sources, cap_of_a_48)
{
	struct source_limits l = { .flows = 2 };
	struct sources_entry *held[2 * SOURCES_WIDE], *more;
	struct sources *s = sources_open();
	struct addr a;
	char text[60];

	for (unsigned i = 0; i < 2 * SOURCES_WIDE; i++) {
		snprintf(text, sizeof(text), "2001:db8:7:%x::1", i / 2);
		expect_num(enter(s, text, l, 0, &held[i]), WHY_NONE, text);
	}
	expect_num(enter(s, "2001:db8:7:ffff::1", l, 0, &more), WHY_LIMIT_SOURCE,
		   "a new /64 of it");
	expect_num(sources_size(s).entries, SOURCES_WIDE + 1, "who is refused is not remembered");
	a = read_addr("2001:db8:7:ffff::1");
	expect_num(sources_enter(s, 1, &a, &l, 0, &more), WHY_NONE, "of another listener");
	sources_leave(s, more, 0);
	expect_num(enter(s, "2001:db8:8::1", l, 0, &more), WHY_NONE, "another /48");
	sources_leave(s, more, 0);
	sources_leave(s, held[0], 0);
	expect_num(enter(s, "2001:db8:7:ffff::1", l, 0, &held[0]), WHY_NONE, "once one has left");
	for (unsigned i = 0; i < 2 * SOURCES_WIDE; i++)
		sources_leave(s, held[i], 0);
	expect_empty(s, "all have left");
	sources_close(s);
}

/* One connection is tried at each time; those with a '+' are let in. */
Test(sources, rate)
{
	static const struct {
		uint64_t count;
		msec_t per;
		const char *tries;
	} rows[] = {
		{ 1, 1000, "0+ 0- 999- 1000+ 1999- 2000+" },
		{ 2, 1000, "0+ 0+ 0- 499- 500+ 501- 1000+ 1000-" },
		{ 2, 1000, "0+ 100+ 200- 500+ 600- 1000+ 1500+ 9000+ 9000+ 9000-" },
		{ 3, 10000, "7+ 7+ 7+ 7- 3340- 3341+ 3342- 20000+ 20000+ 20000+ 20000-" },
		{ 1, 3600000, "0+ 3599999- 3600000+" },
	};
	char words[200], label[200], *rest;

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct source_limits l = { .count = rows[i].count, .per = rows[i].per };
		struct sources *s = sources_open();
		struct sources_entry *e;
		msec_t at = 0;

		snprintf(words, sizeof(words), "%s", rows[i].tries);
		for (char *w = strtok_r(words, " ", &rest); w; w = strtok_r(NULL, " ", &rest)) {
			char *end;

			at = strtoull(w, &end, 10);
			snprintf(label, sizeof(label), "%s: %s", rows[i].tries, w);
			expect_num(enter(s, "192.0.2.1", l, at, &e),
				   *end == '+' ? WHY_NONE : WHY_LIMIT_RATE, label);
			sources_leave(s, e, at);
		}
		expect_num(sources_size(s).entries, 1, "its debt is remembered");
		sources_close(s);
	}
}

/* A reload changes the limits under flows that live on. */
Test(sources, limits_change)
{
	struct sources_entry *a, *b, *c;
	struct sources *s = sources_open();

	expect_num(enter(s, "192.0.2.1", (struct source_limits){ .flows = 2 }, 0, &a), WHY_NONE,
		   "1");
	expect_num(enter(s, "192.0.2.1", (struct source_limits){ .flows = 2 }, 0, &b), WHY_NONE,
		   "2");
	expect_num(enter(s, "192.0.2.1", (struct source_limits){ .flows = 1 }, 0, &c),
		   WHY_LIMIT_SOURCE, "over the new limit");
	sources_leave(s, a, 0);
	expect_num(enter(s, "192.0.2.1", (struct source_limits){ .flows = 1 }, 0, &c),
		   WHY_LIMIT_SOURCE, "at the new limit");
	expect_num(enter(s, "192.0.2.1", (struct source_limits){ .count = 1, .per = 1000 }, 0, &c),
		   WHY_NONE, "the rate has a clean sheet");
	sources_leave(s, c, 0);
	sources_leave(s, b, 0);
	expect_num(sources_size(s).entries, 1, "its rate");
	sources_close(s);
}

static struct addr nth_client(uint32_t i)
{
	struct addr a = { .v4.sin_family = AF_INET };

	a.v4.sin_addr.s_addr = htonl(0x0b000000 + i);
	if (i % 3 == 0) {
		a = (struct addr){ .v6.sin6_family = AF_INET6 };
		a.v6.sin6_addr.s6_addr32[0] = htonl(0x20010db8 + i % 5);
		a.v6.sin6_addr.s6_addr32[1] = htonl(i);
	}
	return a;
}

/* 2^20 of them, each with a debt for an hour: memory is bounded, and who has a flow or a great debt is known throughout. */
Test(sources, flood)
{
	const struct source_limits hour = { .flows = 2, .count = 4, .per = 3600000 };
	struct sources *s = sources_open();
	struct sources_entry *held[2], *e;
	struct addr real = read_addr("192.0.2.1"), heavy = read_addr("192.0.2.2"), a;
	size_t most = 0;

	for (int i = 0; i < 2; i++)
		expect_num(sources_enter(s, 0, &real, &hour, 0, &held[i]), WHY_NONE, "real");
	for (int i = 0; i < 4; i++) {
		expect_num(sources_enter(s, 0, &heavy, &hour, 0, &e), WHY_NONE, "heavy");
		sources_leave(s, e, 0);
	}
	for (uint32_t i = 0; i < 1u << 20; i++) {
		a = nth_client(i);
		if (sources_enter(s, 0, &a, &hour, i / 100, &e) == WHY_NONE)
			sources_leave(s, e, i / 100);
		if (i % 4096 == 0)
			most = max_of(most, sources_size(s).entries);
	}
	cr_expect(most <= SOURCES_IDLE + 8, "%zu entries", most);
	cr_expect(sources_size(s).entries > SOURCES_IDLE / 2,
		  "they are remembered while there is room");
	expect_num(sources_enter(s, 0, &real, &hour, 20000, &e), WHY_LIMIT_SOURCE, "who has flows");
	expect_num(sources_enter(s, 0, &heavy, &hour, 20000, &e), WHY_LIMIT_RATE, "who owes most");
	sources_leave(s, held[0], 20000);
	sources_leave(s, held[1], 20000);
	sources_close(s);
}

/* Debts that are over leave nothing behind. */
Test(sources, forgiven)
{
	const struct source_limits l = { .count = 10, .per = 1000 };
	struct sources *s = sources_open();
	struct sources_entry *e;
	struct addr a;

	for (uint32_t i = 0; i < 100000; i++) {
		a = nth_client(i);
		if (sources_enter(s, 0, &a, &l, i, &e) == WHY_NONE)
			sources_leave(s, e, i);
	}
	cr_expect(sources_size(s).entries < 1000, "%zu", sources_size(s).entries);
	sources_close(s);
}

enum { THREADS = 4, ROUNDS = 20000, CLIENTS = 8, MOST = 3 };

static struct {
	struct sources *sources;
	atomic_uint flows[CLIENTS], all;
	atomic_bool over;
} desk;

static void *come_and_go(void *arg)
{
	uint32_t state = (uint32_t)(uintptr_t)arg;
	struct sources_entry *held[16] = { 0 };
	size_t whose[16] = { 0 };
	const struct source_limits l = { .flows = MOST };

	for (int i = 0; i < ROUNDS; i++) {
		size_t slot = (state = state * 1664525 + 1013904223) >> 28, who = state >> 8 & 7;
		struct addr a;
		char text[40];

		if (held[slot]) {
			atomic_fetch_sub(&desk.flows[whose[slot]], 1);
			sources_leave(desk.sources, held[slot], 0);
			held[slot] = NULL;
			continue;
		}
		/* All in one /48: eight times three would be enough for all of them. */
		snprintf(text, sizeof(text), "2001:db8:1:%zx::%d", who, i % 100);
		addr_parse(&a, text, 0);
		if (sources_enter(desk.sources, 0, &a, &l, 0, &held[slot]) != WHY_NONE)
			continue;
		whose[slot] = who;
		if (atomic_fetch_add(&desk.flows[who], 1) >= MOST)
			atomic_store(&desk.over, true);
	}
	for (size_t i = 0; i < ARRAY_LEN(held); i++) {
		if (held[i])
			atomic_fetch_sub(&desk.flows[whose[i]], 1);
		sources_leave(desk.sources, held[i], 0);
	}
	return NULL;
}

Test(sources, exact_across_threads)
{
	struct sources_entry *held[MOST];
	pthread_t threads[THREADS];
	char text[40];

	desk.sources = sources_open();
	for (uintptr_t i = 0; i < THREADS; i++)
		cr_assert(pthread_create(&threads[i], NULL, come_and_go, (void *)(i + 1)) == 0);
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	cr_expect(!desk.over, "a client had more than %d flows", MOST);
	expect_empty(desk.sources, "all have left");
	for (int who = 0; who < CLIENTS; who++) {
		snprintf(text, sizeof(text), "2001:db8:1:%x::1", who);
		for (int i = 0; i < MOST; i++)
			expect_num(enter(desk.sources, text,
					 (struct source_limits){ .flows = MOST }, 0, &held[i]),
				   WHY_NONE, text);
		for (int i = 0; i < MOST; i++)
			sources_leave(desk.sources, held[i], 0);
	}
	sources_close(desk.sources);
}
