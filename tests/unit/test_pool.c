/* Which server gets the next flow: order, shares, and that counts stay exact across threads. */
#include "backend/pool.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "check.h"
#include "engine/timer.h"
#include "support/configs.h"

#define LISTEN "[listen a]\nports = 25\nbackend = b\n[backend b]\n"

#define THREADS 4

static struct {
	struct registry registry;
	struct config *config;
	struct pool pool;
	struct addr client;
	struct choice out[POOL_CHOICES_MAX];
	int error;
} desk;

static void set_up(const char *keys)
{
	char text[4000];

	snprintf(text, sizeof(text), LISTEN "%s", keys);
	cr_assert(registry_open(&desk.registry) == 0);
	desk.config = config_of(text);
	pool_open(&desk.pool, &desk.config->backends[0], &desk.registry);
	addr_parse(&desk.client, "203.0.113.7", 51234);
}

static void tear_down(void)
{
	pool_close(&desk.pool);
	cr_expect(list_empty(&desk.registry.servers), "no server is left");
	cr_expect(list_empty(&desk.registry.names.list), "no name is left");
	registry_close(&desk.registry);
	config_free(desk.config);
}

static size_t choose(void)
{
	desk.error = 0;
	return pool_choose(&desk.pool, &desk.client, 25, desk.out, &desk.error);
}

/* The index of the server that is best now. */
static size_t best(void)
{
	struct choice out[POOL_CHOICES_MAX];
	int error = 1;

	cr_assert(pool_choose(&desk.pool, &desk.client, 25, out, &error));
	expect_num(error, 0, "no error where something was chosen");
	for (size_t i = 0; i < desk.pool.count; i++)
		if (desk.pool.at[i].server == out[0].server)
			return i;
	cr_assert(false, "a server of the pool");
	return 0;
}

static void expect_choices(const char *wanted)
{
	char got[2000] = "", text[ADDR_TEXT];
	size_t count = choose();

	for (size_t i = 0; i < count; i++)
		snprintf(got + strlen(got), sizeof(got) - strlen(got), "%s%s", i ? " " : "",
			 addr_format(&desk.out[i].at, text));
	expect_str(got, wanted, "choices");
}

static void set_admin(size_t i, enum server_admin admin)
{
	server_set_admin(desk.pool.at[i].server, admin);
}

static void tell(const char *host, const char *const *words, size_t count)
{
	struct addr at[64];

	for (size_t i = 0; i < count; i++)
		cr_assert(addr_parse(&at[i], words[i], 0));
	cr_expect(names_tell(&desk.registry.names, host, at, count, "gone"), "%s is held", host);
}

#define TELL(host, ...)                                              \
	do {                                                         \
		static const char *const words_[] = { __VA_ARGS__ }; \
		tell(host, words_, ARRAY_LEN(words_));               \
	} while (0)

Test(pool, literals)
{
	set_up("server = 192.0.2.1\nserver = 192.0.2.2:26\nserver = 2001:db8::1\n"
	       "server = [2001:db8::2]:27\n");
	expect_choices("192.0.2.1:25 192.0.2.2:26 [2001:db8::1]:25 [2001:db8::2]:27");
	tear_down();
}

Test(pool, names_without_and_with_addresses)
{
	set_up("server = mail.example.net:77\nserver = tailnet:mailbox\n");
	expect_num(choose(), 0, "nothing is known");
	expect_num(desk.error, POOL_NO_ADDRESS, "error");
	log_setup(LINE_LOGFMT, LOG_ERROR);
	TELL("tailnet:mailbox", "100.64.0.9");
	expect_choices("100.64.0.9:25");
	TELL("mail.example.net", "192.0.2.1", "192.0.2.2", "2001:db8::1", "192.0.2.3");
	expect_choices("192.0.2.1:77 [2001:db8::1]:77 192.0.2.2:77 192.0.2.3:77 100.64.0.9:25");
	tell("mail.example.net", NULL, 0);
	expect_choices("192.0.2.1:77 [2001:db8::1]:77 192.0.2.2:77 192.0.2.3:77 100.64.0.9:25");
	tear_down();
}

Test(pool, the_other_family_first_after_a_failure)
{
	set_up("server = mail.example.net\n");
	log_setup(LINE_LOGFMT, LOG_ERROR);
	TELL("mail.example.net", "2001:db8::1", "2001:db8::2", "192.0.2.1");
	expect_choices("[2001:db8::1]:25 192.0.2.1:25 [2001:db8::2]:25");
	server_note(desk.pool.at[0].server, &desk.out[0].at, HEALTH_CONNECT_FAILED);
	expect_choices("192.0.2.1:25 [2001:db8::1]:25 [2001:db8::2]:25");
	server_note(desk.pool.at[0].server, &desk.out[1].at, HEALTH_WORKED);
	expect_choices("[2001:db8::1]:25 192.0.2.1:25 [2001:db8::2]:25");
	tear_down();
}

/* A name with many addresses leaves room for the other servers. */
Test(pool, shares_of_the_choices)
{
	struct addr many[64];

	set_up("server = mail.example.net\nserver = 192.0.2.9\n");
	log_setup(LINE_LOGFMT, LOG_ERROR);
	for (unsigned i = 0; i < ARRAY_LEN(many); i++) {
		addr_parse(&many[i], "198.51.100.0", 0);
		many[i].v4.sin_addr.s_addr |= htonl(i);
	}
	names_tell(&desk.registry.names, "mail.example.net", many, ARRAY_LEN(many), NULL);
	expect_num(choose(), POOL_SHARE + 1, "choices");
	cr_expect(desk.out[POOL_SHARE].server == desk.pool.at[1].server, "the other one is there");
	set_admin(1, SERVER_MAINT);
	expect_num(choose(), NAME_ADDRESSES_MAX, "alone it has all of its own");
	tear_down();
}

Test(pool, more_servers_than_choices)
{
	char text[3000] = "";

	for (int i = 0; i < BACKEND_SERVERS_MAX; i++)
		sprintf(text + strlen(text), "server = 192.0.2.%d\n", i + 1);
	set_up(text);
	expect_num(choose(), POOL_CHOICES_MAX, "choices");
	tear_down();
}

Test(pool, backups_only_when_no_other_can_be_used)
{
	set_up("server = 192.0.2.1 backup\nserver = 192.0.2.2\nserver = 192.0.2.3 weight=2\n");
	expect_choices("192.0.2.2:25 192.0.2.3:25");
	set_admin(1, SERVER_DRAIN);
	expect_choices("192.0.2.3:25");
	set_admin(2, SERVER_MAINT);
	expect_choices("192.0.2.1:25");
	set_admin(0, SERVER_DRAIN);
	expect_num(choose(), 0, "none is left");
	expect_num(desk.error, POOL_ALL_DOWN, "error");
	set_admin(1, SERVER_READY);
	expect_choices("192.0.2.2:25");
	tear_down();
}

/* Three servers whose weights are random, all different runs the same. */
static void random_weights(const char *balance, unsigned weights[static 3], unsigned seed)
{
	char text[400];

	srand(seed);
	for (size_t i = 0; i < 3; i++)
		weights[i] = 1 + (unsigned)rand() % 12;
	snprintf(text, sizeof(text),
		 "balance = %s\nserver = 192.0.2.1 weight=%u\nserver = 192.0.2.2 weight=%u\n"
		 "server = 192.0.2.3 weight=%u\n",
		 balance, weights[0], weights[1], weights[2]);
	set_up(text);
}

Test(pool, roundrobin_gives_each_its_share_in_every_round)
{
	for (unsigned seed = 1; seed <= 50; seed++) {
		unsigned weights[3], got[3] = { 0 }, total;

		random_weights("roundrobin", weights, seed);
		total = weights[0] + weights[1] + weights[2];
		for (unsigned round = 1; round <= 3; round++) {
			for (unsigned i = 0; i < total; i++)
				got[best()]++;
			for (size_t i = 0; i < 3; i++)
				expect_num(got[i], round * weights[i], "turns");
		}
		tear_down();
	}
}

Test(pool, roundrobin_spreads_evenly)
{
	static const size_t wanted[] = { 0, 0, 1, 0, 2, 0, 0 };

	set_up("balance = roundrobin\nserver = 192.0.2.1 weight=5\nserver = 192.0.2.2\nserver = 192.0.2.3\n");
	for (size_t i = 0; i < 3 * ARRAY_LEN(wanted); i++)
		expect_num(best(), wanted[i % ARRAY_LEN(wanted)], "turn");
	expect_choices("192.0.2.1:25 192.0.2.2:25 192.0.2.3:25");
	tear_down();
}

struct drawer {
	pthread_t thread;
	size_t draws, got[3];
	bool keeps; /* flows that stay for three draws */
};

static void *draw(void *arg)
{
	struct drawer *d = arg;
	struct server *kept[3] = { 0 };

	for (size_t n = 0; n < d->draws; n++) {
		size_t i = best();

		d->got[i]++;
		if (!d->keeps)
			continue;
		if (kept[n % 3])
			server_leave(kept[n % 3]);
		kept[n % 3] = desk.pool.at[i].server;
		server_enter(kept[n % 3]);
	}
	for (size_t i = 0; i < 3; i++)
		if (kept[i])
			server_leave(kept[i]);
	return NULL;
}

static void draw_all(struct drawer *d, size_t draws, bool keeps)
{
	for (size_t t = 0; t < THREADS; t++) {
		d[t] = (struct drawer){ .draws = draws, .keeps = keeps };
		cr_assert(pthread_create(&d[t].thread, NULL, draw, &d[t]) == 0);
	}
	for (size_t t = 0; t < THREADS; t++)
		pthread_join(d[t].thread, NULL);
}

Test(pool, roundrobin_is_exact_across_threads)
{
	unsigned weights[3], total;
	struct drawer d[THREADS];

	random_weights("roundrobin", weights, 7);
	total = weights[0] + weights[1] + weights[2];
	draw_all(d, 100 * total, false);
	for (size_t i = 0; i < 3; i++) {
		size_t got = 0;

		for (size_t t = 0; t < THREADS; t++)
			got += d[t].got[i];
		expect_num(got, THREADS * 100 * weights[i], "turns");
	}
	tear_down();
}

Test(pool, leastconn_takes_the_least_loaded)
{
	for (unsigned seed = 1; seed <= 30; seed++) {
		unsigned weights[3];

		random_weights("leastconn", weights, seed);
		for (int n = 0; n < 200; n++) {
			size_t i = best(), other = (size_t)rand() % 3;
			struct server *s = desk.pool.at[i].server,
				      *leaver = desk.pool.at[other].server;

			for (size_t k = 0; k < 3; k++)
				cr_expect((s->live + 1) * weights[k] <=
						  (desk.pool.at[k].server->live + 1) * weights[i],
					  "seed %u: %zu is less loaded than %zu", seed, k, i);
			server_enter(s);
			if (leaver->live && rand() % 2)
				server_leave(leaver);
		}
		tear_down();
	}
}

/* Of those that are equal none is preferred. */
Test(pool, leastconn_without_load_takes_turns)
{
	size_t got[3] = { 0 };

	set_up("balance = leastconn\nserver = 192.0.2.1\nserver = 192.0.2.2\nserver = 192.0.2.3\n");
	for (int i = 0; i < 30; i++)
		got[best()]++;
	for (size_t i = 0; i < 3; i++)
		expect_num(got[i], 10, "turns");
	tear_down();
}

Test(pool, counts_are_exact_across_threads)
{
	struct drawer d[THREADS];

	set_up("balance = leastconn\nserver = 192.0.2.1\nserver = 192.0.2.2\nserver = 192.0.2.3\n");
	draw_all(d, 20000, true);
	for (size_t i = 0; i < 3; i++)
		expect_num(desk.pool.at[i].server->live, 0, "live");
	tear_down();
}

static struct addr client_number(unsigned i)
{
	struct addr a;

	addr_parse(&a, "203.0.0.0", 1000);
	a.v4.sin_addr.s_addr |= htonl(i * 7);
	return a;
}

Test(pool, source_keeps_clients_and_moves_only_those_of_a_lost_server)
{
	enum { CLIENTS = 6000 };
	static size_t had[CLIENTS];
	size_t shares[3] = { 0 }, inherited[3] = { 0 };

	set_up("balance = source\nserver = 192.0.2.1\nserver = 192.0.2.2\nserver = 192.0.2.3 weight=2\n");
	for (unsigned i = 0; i < CLIENTS; i++) {
		desk.client = client_number(i);
		had[i] = best();
		shares[had[i]]++;
		addr_set_port(&desk.client, (uint16_t)(i + 1));
		expect_num(best(), had[i], "the port does not matter");
	}
	for (size_t i = 0; i < 3; i++)
		cr_expect(abs((int)shares[i] - CLIENTS * (i == 2 ? 2 : 1) / 4) < CLIENTS / 40,
			  "server %zu has %zu of %d", i, shares[i], CLIENTS);
	set_admin(0, SERVER_DRAIN);
	for (unsigned i = 0; i < CLIENTS; i++) {
		size_t now;

		desk.client = client_number(i);
		now = best();
		if (had[i] == 0)
			inherited[now]++;
		else
			expect_num(now, had[i], "one whose server is there");
	}
	expect_num(inherited[0], 0, "the drained one");
	cr_expect(inherited[1] && inherited[2], "its clients are spread");
	set_admin(0, SERVER_READY);
	for (unsigned i = 0; i < CLIENTS; i++) {
		desk.client = client_number(i);
		expect_num(best(), had[i], "all as before");
	}
	tear_down();
}

Test(pool, source_is_the_network_of_an_ipv6_client)
{
	size_t first;
	bool differ = false;
	char text[60];

	set_up("balance = source\nserver = 192.0.2.1\nserver = 192.0.2.2\nserver = 192.0.2.3\n");
	addr_parse(&desk.client, "2001:db8:1:2::1", 1);
	first = best();
	for (unsigned i = 2; i < 200; i++) {
		snprintf(text, sizeof(text), "2001:db8:1:2:%x::%x", i * 77, i);
		addr_parse(&desk.client, text, 1);
		expect_num(best(), first, "one /64");
		snprintf(text, sizeof(text), "2001:db8:1:%x::1", i + 2);
		addr_parse(&desk.client, text, 1);
		differ |= best() != first;
	}
	cr_expect(differ, "other networks go elsewhere");
	tear_down();
}

/* Of 1000 turns, what a server gets that came back `ago` milliseconds ago. */
static size_t turns_after(msec_t ago)
{
	size_t got[2] = { 0 };

	atomic_store(&desk.pool.at[1].server->ready_since, timer_now() - ago);
	for (int i = 0; i < 1000; i++)
		got[best()]++;
	return got[1];
}

Test(pool, slow_start)
{
	static const struct {
		msec_t ago;
		size_t least, most;
	} rows[] = {
		{ 0, 0, 20 },	       { 900000, 180, 220 },  { 1800000, 313, 353 },
		{ 3600000, 500, 500 }, { 7200000, 500, 500 },
	};

	set_up("balance = roundrobin\nslowstart = 1h\nserver = 192.0.2.1\nserver = 192.0.2.2\n");
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		size_t got = turns_after(rows[i].ago);

		cr_expect(rows[i].least <= got && got <= rows[i].most, "%zu: %zu turns", i, got);
	}
	tear_down();
}

Test(pool, from_the_start_there_is_no_slow_start)
{
	size_t got[2] = { 0 };

	set_up("balance = roundrobin\nslowstart = 1h\nserver = 192.0.2.1\nserver = 192.0.2.2\n");
	for (int i = 0; i < 10; i++)
		got[best()]++;
	expect_num(got[1], 5, "turns");
	tear_down();
}

Test(server, one_for_all_generations)
{
	struct server *a, *b, *c;
	struct registry r;

	cr_assert(registry_open(&r) == 0);
	a = server_hold(&r, "b", "mail.example.net", 25, false);
	b = server_hold(&r, "b", "MAIL.example.net", 25, false);
	c = server_hold(&r, "other", "mail.example.net", 25, false);
	cr_expect(a == b && a != c, "one for each backend, host and port");
	cr_expect(a->name == c->name, "one name");
	server_set_admin(a, SERVER_DRAIN);
	server_release(a);
	a = server_hold(&r, "b", "mail.example.net", 25, false);
	expect_num(a->admin, SERVER_DRAIN, "what the operator said");
	server_release(a);
	server_release(b);
	server_release(c);
	cr_expect(list_empty(&r.servers) && list_empty(&r.names.list), "nothing is left");
	registry_close(&r);
}

Test(pool, a_server_is_found_as_it_is_written)
{
	static const struct {
		const char *text;
		int wanted; /* -1: none */
	} rows[] = {
		{ "mail.example.net", 0 }, { "MAIL.example.net", 0 }, { "mail.example.net:25", -1 },
		{ "192.0.2.1:26", 1 },	   { "192.0.2.1:27", 2 },     { "192.0.2.1", -1 },
		{ "[2001:db8::1]:27", 3 }, { "2001:db8::1", -1 },     { "[2001:db8::1]", 3 },
		{ "tailnet:mailbox", 4 },  { "fd7a::1", 5 },	      { "", -1 },
	};

	set_up("server = mail.example.net\nserver = 192.0.2.1:26\nserver = 192.0.2.1:27\n"
	       "server = [2001:db8::1]:27\nserver = tailnet:mailbox\nserver = fd7a::1\n");
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const struct server *s = pool_find(&desk.pool, rows[i].text);

		cr_expect(s == (rows[i].wanted < 0 ? NULL : desk.pool.at[rows[i].wanted].server),
			  "%s", rows[i].text);
	}
	tear_down();
}
