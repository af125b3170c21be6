/* Who is banned: by hand, and against a list that is asked network by network. */
#include "edge/bans.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "check.h"
#include "engine/timer.h"

static struct net read_net(const char *text)
{
	struct net n = { 0 };

	cr_assert(net_parse(&n, text) == 0, "%s", text);
	return n;
}

static int ban(struct bans *b, const char *text, msec_t until)
{
	struct net n = read_net(text);

	return bans_add(b, &n, until);
}

static int unban(struct bans *b, const char *text, const struct ban **wider)
{
	struct net n = read_net(text);

	return bans_remove(b, &n, wider);
}

static bool has(const struct prefixes *s, const char *text, msec_t now)
{
	struct addr a = { 0 };

	cr_assert(addr_parse(&a, text, 4711), "%s", text);
	return bans_hit(s, &a, now);
}

/* "192.0.2.0/24 2001:db8::1 ", in the order of the list. */
static const char *show(const struct bans *b)
{
	static char text[1000];
	char net[NET_TEXT];
	size_t used = 0;

	text[0] = '\0';
	for (size_t i = 0; i < b->count && used < sizeof(text); i++)
		used += (size_t)snprintf(text + used, sizeof(text) - used, "%s ",
					 net_format(&b->at[i].net, net));
	return text;
}

Test(bans, has)
{
	static const struct {
		const char *nets, *inside, *outside;
	} rows[] = {
		{ "192.0.2.0/24", "192.0.2.0 192.0.2.255 ::ffff:192.0.2.7",
		  "192.0.1.255 192.0.3.0 ::192.0.2.7 ::1 2001:db8::1" },
		{ "192.0.2.7", "192.0.2.7", "192.0.2.6 192.0.2.8" },
		{ "0.0.0.0", "0.0.0.0", "0.0.0.1 255.255.255.255 ::" },
		{ "255.255.255.255", "255.255.255.255", "255.255.255.254 0.0.0.0" },
		{ "0.0.0.0/0", "0.0.0.0 192.0.2.1 255.255.255.255 ::ffff:1.2.3.4",
		  ":: ::1 ::fffe:ffff:ffff ::1:0:0:0 2001:db8::1" },
		{ "::/0", ":: ::1 2001:db8::1 ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
		  "0.0.0.0 192.0.2.1 ::ffff:192.0.2.1" },
		{ "::/64", "::1 ::fffe:ffff:ffff", "192.0.2.1 ::ffff:192.0.2.1 0:0:0:1::" },
		{ "2001:db8::1", "2001:db8::1", "2001:db8:: 2001:db8::2" },
		{ "2001:db8::/32", "2001:db8:: 2001:db8:ffff:ffff:ffff:ffff:ffff:ffff",
		  "2001:db7:ffff:ffff:ffff:ffff:ffff:ffff 2001:db9::" },
		{ "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
		  "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
		  ":: ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe" },
		{ "::/0 ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff ::",
		  ":: ::1 ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "192.0.2.1" },
		{ "192.0.2.0/25 192.0.2.128/25", "192.0.2.0 192.0.2.127 192.0.2.128 192.0.2.255",
		  "192.0.1.255 192.0.3.0" },
		{ "10.0.0.0/8 10.1.0.0/16 10.1.1.0/24 10.1.1.1 10.255.255.255 10.0.0.0",
		  "10.0.0.0 10.0.0.1 10.1.0.0 10.1.1.0 10.1.1.1 10.1.1.2 10.1.2.0 10.255.255.255",
		  "9.255.255.255 11.0.0.0" },
		{ "192.0.2.1 2001:db8::/32 198.51.100.0/24 fe80::1",
		  "192.0.2.1 2001:db8::9 198.51.100.9", "192.0.2.2 198.51.101.0 fe80::2" },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct bans b = { 0 };
		struct prefixes *s;
		char words[200], *word, *rest;

		snprintf(words, sizeof(words), "%s", rows[i].nets);
		for (word = strtok_r(words, " ", &rest); word; word = strtok_r(NULL, " ", &rest))
			cr_assert(ban(&b, word, TIMER_NONE) == 0, "%s", word);
		s = bans_freeze(&b);
		snprintf(words, sizeof(words), "%s", rows[i].inside);
		for (word = strtok_r(words, " ", &rest); word; word = strtok_r(NULL, " ", &rest))
			cr_expect(has(s, word, 0), "%s: %s", rows[i].nets, word);
		snprintf(words, sizeof(words), "%s", rows[i].outside);
		for (word = strtok_r(words, " ", &rest); word; word = strtok_r(NULL, " ", &rest))
			cr_expect(!has(s, word, 0), "%s: not %s", rows[i].nets, word);
		prefixes_put(s);
		bans_finish(&b);
	}
}

Test(bans, nothing_is_banned)
{
	struct bans b = { 0 };
	struct addr unknown = { 0 };
	struct prefixes *s = bans_freeze(&b);

	cr_expect(!s, "no set for no bans");
	cr_expect(!has(s, "192.0.2.1", 0));
	cr_assert(ban(&b, "::/0", TIMER_NONE) == 0);
	s = bans_freeze(&b);
	cr_expect(!bans_hit(s, &unknown, 0), "an address that is not known");
	prefixes_put(s);
	bans_finish(&b);
}

Test(bans, longest_decides)
{
	static const struct {
		msec_t outer, inner, now;
		bool in_inner, in_outer;
	} rows[] = {
		{ 100, 200, 99, true, true },	    { 100, 200, 100, true, false },
		{ 100, 200, 199, true, false },	    { 100, 200, 200, false, false },
		{ 200, 100, 150, true, true },	    { 200, 100, 200, false, false },
		{ TIMER_NONE, 1, 150, true, true }, { 1, TIMER_NONE, 150, true, false },
	};
	char label[100];

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct bans b = { 0 };
		struct prefixes *s;

		snprintf(label, sizeof(label), "row %zu", i);
		ban(&b, "192.0.2.0/24", rows[i].outer);
		ban(&b, "192.0.2.64/26", rows[i].inner);
		s = bans_freeze(&b);
		expect_num(has(s, "192.0.2.64", rows[i].now), rows[i].in_inner, label);
		expect_num(has(s, "192.0.2.127", rows[i].now), rows[i].in_inner, label);
		expect_num(has(s, "192.0.2.63", rows[i].now), rows[i].in_outer, label);
		expect_num(has(s, "192.0.2.128", rows[i].now), rows[i].in_outer, label);
		prefixes_put(s);
		bans_finish(&b);
	}
}

Test(bans, again_replaces_the_time)
{
	struct bans b = { 0 };

	cr_assert(ban(&b, "192.0.2.0/24", 100) == 0);
	cr_expect(b.at[0].since > 0, "since when");
	b.at[0].since = 7;
	cr_assert(ban(&b, "192.0.2.0/24", 50) == 0);
	expect_num(b.count, 1, "once");
	expect_num(b.at[0].until, 50, "shorter");
	cr_assert(ban(&b, "::ffff:192.0.2.0/120", TIMER_NONE) == 0);
	expect_num(b.count, 1, "written in another way");
	cr_expect(b.at[0].until == TIMER_NONE, "for ever");
	expect_num(b.at[0].since, 7, "since when it is banned, not banned again");
	cr_expect(bans_expire(&b, 1000000) == TIMER_NONE && b.count == 1, "its old time is over");
	bans_finish(&b);
}

Test(bans, list_is_in_order)
{
	static const char *const nets[] = { "2001:db8::/32", "192.0.2.7",    "10.0.0.0/8",
					    "192.0.2.0/24",  "0.0.0.0/0",    "2001:db8::/48",
					    "::/0",	     "192.0.2.0/32", "10.0.0.0/9",
					    "192.0.2.0/24",  "2001:db8::1" };
	struct bans b = { 0 };

	for (size_t i = 0; i < ARRAY_LEN(nets); i++)
		cr_assert(ban(&b, nets[i], TIMER_NONE) == 0);
	expect_str(show(&b),
		   "0.0.0.0/0 10.0.0.0/8 10.0.0.0/9 192.0.2.0/24 192.0.2.0 192.0.2.7 ::/0 "
		   "2001:db8::/32 2001:db8::/48 2001:db8::1 ",
		   "list");
	bans_finish(&b);
}

Test(bans, remove)
{
	static const struct {
		const char *nets, *net;
		int result;
		const char *wider, *left;
	} rows[] = {
		{ "192.0.2.0/24", "192.0.2.0/24", 0, NULL, "" },
		{ "192.0.2.0/24", "192.0.2.1", -ENOENT, "192.0.2.0/24", "192.0.2.0/24 " },
		{ "192.0.2.0/24", "192.0.2.0/25", -ENOENT, "192.0.2.0/24", "192.0.2.0/24 " },
		{ "192.0.2.0/25", "192.0.2.0/24", -ENOENT, NULL, "192.0.2.0/25 " },
		{ "192.0.2.0/24", "192.0.3.1", -ENOENT, NULL, "192.0.2.0/24 " },
		{ "0.0.0.0/0", "::1", -ENOENT, NULL, "0.0.0.0/0 " },
		{ "::/0", "192.0.2.1", -ENOENT, NULL, "::/0 " },
		{ "", "192.0.2.1", -ENOENT, NULL, "" },
		{ "192.0.0.0/16 192.0.2.0/24 192.0.2.1 192.0.2.3", "192.0.2.4", -ENOENT,
		  "192.0.2.0/24", "192.0.0.0/16 192.0.2.0/24 192.0.2.1 192.0.2.3 " },
		{ "192.0.0.0/16 192.0.2.0/24 192.0.2.1 192.0.2.3", "192.0.2.3", 0, "192.0.2.0/24",
		  "192.0.0.0/16 192.0.2.0/24 192.0.2.1 " },
		{ "192.0.0.0/16 192.0.2.0/24 192.0.2.1 192.0.2.3", "192.0.2.0/24", 0,
		  "192.0.0.0/16", "192.0.0.0/16 192.0.2.1 192.0.2.3 " },
		{ "192.0.2.1 2001:db8::/32 2001:db8::1", "2001:db8::1", 0, "2001:db8::/32",
		  "192.0.2.1 2001:db8::/32 " },
	};
	char words[200], text[NET_TEXT], *rest;

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const struct ban *wider = NULL;
		struct bans b = { 0 };

		snprintf(words, sizeof(words), "%s", rows[i].nets);
		for (char *w = strtok_r(words, " ", &rest); w; w = strtok_r(NULL, " ", &rest))
			cr_assert(ban(&b, w, TIMER_NONE) == 0, "%s", w);
		expect_num(unban(&b, rows[i].net, &wider), rows[i].result, rows[i].net);
		expect_str(wider ? net_format(&wider->net, text) : "-",
			   rows[i].wider ? rows[i].wider : "-", rows[i].net);
		expect_str(show(&b), rows[i].left, rows[i].net);
		expect_num(unban(&b, rows[i].net, NULL), -ENOENT, rows[i].net);
		bans_finish(&b);
	}
}

Test(bans, expire)
{
	struct bans b = { 0 };

	cr_expect(bans_expire(&b, 5) == TIMER_NONE, "nothing is banned");
	ban(&b, "192.0.2.1", 100);
	ban(&b, "192.0.2.2", 300);
	ban(&b, "192.0.2.3", TIMER_NONE);
	ban(&b, "192.0.2.4", 200);
	expect_num(bans_expire(&b, 99), 100, "before the first");
	expect_num(b.count, 4, "before the first");
	expect_num(bans_expire(&b, 100), 200, "the first is over");
	expect_str(show(&b), "192.0.2.2 192.0.2.3 192.0.2.4 ", "the first is over");
	ban(&b, "192.0.2.5", 150);
	expect_num(bans_expire(&b, 101), 150, "one that comes sooner");
	expect_num(bans_expire(&b, 300), -1, "all that end");
	expect_str(show(&b), "192.0.2.3 ", "all that end");
	ban(&b, "192.0.2.6", 400);
	expect_num(bans_expire(&b, 301), 400, "one more");
	bans_finish(&b);
}

/* The same numbers each time. */
static uint32_t chance(uint32_t *state, uint32_t below)
{
	*state = *state * 1664525 + 1013904223;
	return (*state >> 8) % below;
}

/* Few bits differ, so that networks nest and meet, at both ends of all addresses too. */
static struct addr random_addr(uint32_t *state)
{
	static const char *const bases[] = { "0.0.0.0",
					     "192.0.2.0",
					     "255.255.255.0",
					     "::",
					     "2001:db8::",
					     "::fffe:ffff:ff00",
					     "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ff00" };
	struct addr a = { 0 };
	uint8_t *last;

	addr_parse(&a, bases[chance(state, ARRAY_LEN(bases))], 25);
	last = a.sa.sa_family == AF_INET ? (uint8_t *)&a.v4.sin_addr + 3
					 : &a.v6.sin6_addr.s6_addr[15];
	*last = (uint8_t)chance(state, 256);
	return a;
}

static struct net random_net(uint32_t *state)
{
	struct addr a = random_addr(state);
	unsigned width = a.sa.sa_family == AF_INET ? 32 : 128;
	char host[ADDR_TEXT], text[NET_TEXT];
	struct net n;

	snprintf(text, sizeof(text), "%.60s/%u", addr_format_host(&a, host),
		 width - (chance(state, 8) ? chance(state, 9) : chance(state, width + 1)));
	cr_assert(net_parse(&n, text) != -EINVAL, "%s", text);
	return n;
}

static bool has_naively(const struct ban *list, size_t count, const struct addr *a, msec_t now)
{
	for (size_t i = 0; i < count; i++)
		if (now < list[i].until && net_contains(&list[i].net, a))
			return true;
	return false;
}

static size_t add_naively(struct ban *list, size_t count, const struct net *n, msec_t until)
{
	size_t i = 0;

	while (i < count && !net_equal(&list[i].net, n))
		i++;
	list[i] = (struct ban){ .net = *n, .until = until };
	return i == count ? count + 1 : count;
}

static size_t remove_naively(struct ban *list, size_t count, const struct net *n)
{
	for (size_t i = 0; i < count; i++)
		if (net_equal(&list[i].net, n)) {
			list[i] = list[count - 1];
			return count - 1;
		}
	return count;
}

static void compare_sets(const struct bans *b, const struct ban *list, size_t count,
			 uint32_t *state)
{
	struct prefixes *s = bans_freeze(b);
	char text[ADDR_TEXT];

	for (int i = 0; i < 300; i++) {
		struct addr a = random_addr(state);
		msec_t now = chance(state, 120);

		cr_expect(bans_hit(s, &a, now) == has_naively(list, count, &a, now),
			  "%s at %llu, with %zu bans", addr_format(&a, text),
			  (unsigned long long)now, count);
	}
	prefixes_put(s);
}

Test(bans, agree_with_a_list)
{
	enum { ROUNDS = 300, MOST = 60 };
	struct ban list[MOST];
	uint32_t state = 1;

	for (int round = 0; round < ROUNDS; round++) {
		struct bans b = { 0 };
		size_t count = 0, changes = chance(&state, MOST);

		for (size_t i = 0; i < changes; i++) {
			struct net n = random_net(&state);
			msec_t until = chance(&state, 4) ? chance(&state, 120) : TIMER_NONE;
			bool gone = chance(&state, 4) == 0;

			if (gone && count)
				n = list[chance(&state, (uint32_t)count)].net;
			if (gone)
				bans_remove(&b, &n, NULL);
			else
				cr_assert(bans_add(&b, &n, until) == 0);
			count = gone ? remove_naively(list, count, &n)
				     : add_naively(list, count, &n, until);
		}
		expect_num(b.count, count, "bans");
		compare_sets(&b, list, count, &state);
		bans_finish(&b);
	}
}

/* The i-th of many single addresses, in order: any other would have a sanitizer watch gigabytes being moved. */
static struct net spread(uint32_t i)
{
	struct net n = { .base.v4 = { .sin_family = AF_INET }, .bits = 32 };

	n.base.v4.sin_addr.s_addr = htonl(i * 3);
	return n;
}

Test(bans, as_many_as_there_may_be)
{
	struct bans b = { 0 };
	struct prefixes *s;
	struct net n;

	for (uint32_t i = 0; i < BANS_MAX; i++) {
		n = spread(i);
		cr_assert(bans_add(&b, &n, TIMER_NONE) == 0, "%u", i);
	}
	n = spread(BANS_MAX);
	expect_num(bans_add(&b, &n, TIMER_NONE), -ENOSPC, "one more");
	expect_num(b.count, BANS_MAX, "bans");
	n = spread(0);
	expect_num(bans_add(&b, &n, 5), 0, "one of them again");
	s = bans_freeze(&b);
	for (uint32_t i = 1; i < 2 * BANS_MAX; i++) {
		n = spread(i);
		cr_expect(bans_hit(s, &n.base, 10) == (i < BANS_MAX), "%u", i);
	}
	prefixes_put(s);
	cr_expect(bans_expire(&b, 10) == TIMER_NONE, "one is over");
	n = spread(BANS_MAX);
	expect_num(bans_add(&b, &n, TIMER_NONE), 0, "there is room again");
	bans_finish(&b);
}

/* As deep as networks nest: every prefix of both families, and all of them end together. */
Test(bans, deepest_nest)
{
	struct net v4 = { .base.v4 = { .sin_family = AF_INET } };
	struct net v6 = { .base.v6 = { .sin6_family = AF_INET6 } };
	struct bans b = { 0 };
	struct prefixes *s;

	for (unsigned bits = 0; bits <= 128; bits++) {
		v6.bits = (uint8_t)bits;
		if (bits)
			v6.base.v6.sin6_addr.s6_addr[(bits - 1) / 8] |= 0x80 >> (bits - 1) % 8;
		cr_assert(bans_add(&b, &v6, bits == 128 ? TIMER_NONE : 1000 - bits) == 0);
	}
	for (unsigned bits = 0; bits <= 32; bits++) {
		v4.bits = (uint8_t)bits;
		cr_assert(bans_add(&b, &v4, bits == 32 ? TIMER_NONE : 1000 - bits) == 0);
	}
	s = bans_freeze(&b);
	cr_expect(has(s, "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", 5000), "the last, for ever");
	cr_expect(!has(s, "ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe", 5000));
	cr_expect(has(s, "ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe", 999), "by the widest");
	cr_expect(has(s, "::", 999) && !has(s, "::", 1000));
	cr_expect(has(s, "0.0.0.0", 5000), "the first, for ever");
	cr_expect(has(s, "0.0.0.1", 999) && !has(s, "0.0.0.1", 1000));
	prefixes_put(s);
	bans_finish(&b);
}

enum { READERS = 4 };

static void *read_and_put(void *arg)
{
	struct prefixes *s = arg;

	for (int i = 0; i < 10000; i++) {
		struct prefixes *mine = prefixes_get(s);

		cr_expect(has(mine, "192.0.2.9", 0));
		prefixes_put(mine);
	}
	prefixes_put(s);
	return NULL;
}

/* Whoever lets go last frees it: sanitizers see a double free or a leak. */
Test(bans, set_has_many_holders)
{
	pthread_t threads[READERS];
	struct bans b = { 0 };
	struct prefixes *s;

	ban(&b, "192.0.2.0/24", TIMER_NONE);
	s = bans_freeze(&b);
	bans_finish(&b);
	for (int i = 0; i < READERS; i++)
		cr_assert(pthread_create(&threads[i], NULL, read_and_put, prefixes_get(s)) == 0);
	prefixes_put(s);
	for (int i = 0; i < READERS; i++)
		pthread_join(threads[i], NULL);
	cr_expect(!prefixes_get(NULL), "no set has no holder");
	prefixes_put(NULL);
}
