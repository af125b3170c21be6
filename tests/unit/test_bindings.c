/* A change of what we listen on is one step: all of it, or nothing. */
#include "edge/bindings.h"

#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "check.h"
#include "support/configs.h"
#include "support/fds.h"

/* [listen NAME] sections with the ports of those words, on 127.0.0.1. */
static struct generation *generation_of(struct roster *roster, struct gates *gates,
					struct registry *registry, const char *keys)
{
	struct report report;
	struct generation *g;
	struct config *c;
	struct plan plan;
	char text[1000];

	snprintf(text, sizeof(text), "%s\n[backend b]\nserver = 127.0.0.1:9\n", keys);
	c = config_of(text);
	report_init(&report, "test.ini");
	cr_assert(plan_make(&plan, c, &report));
	g = generation_open(c, &plan, roster, gates, registry);
	report_finish(&report);
	return g;
}

static struct {
	struct bindings held;
	struct roster roster;
	struct gates gates;
	struct registry registry;
	struct bindings_change change;
	struct report report;
	unsigned port[4];
	int before;
} desk;

static void set_up(void)
{
	for (size_t i = 0; i < ARRAY_LEN(desk.port); i++) {
		struct addr a = tcp_closed();

		desk.port[i] = addr_port(&a);
	}
	cr_assert(registry_open(&desk.registry) == 0);
	desk.before = fds_count();
	report_init(&desk.report, "test.ini");
}

static bool prepare(const char *fmt, unsigned a, unsigned b)
{
	struct generation *g;
	char text[600];
	bool ok;

	snprintf(text, sizeof(text), fmt, a, b);
	g = generation_of(&desk.roster, &desk.gates, &desk.registry, text);
	ok = bindings_prepare(&desk.held, g, 2, &desk.change, &desk.report);
	generation_put(g);
	return ok;
}

/* As if the workers had taken the sockets. */
static void commit(void)
{
	bindings_commit(&desk.held, &desk.change);
}

static void tear_down(void)
{
	bindings_discard(&desk.change);
	bindings_finish(&desk.held);
	roster_finish(&desk.roster);
	gates_finish(&desk.gates);
	report_finish(&desk.report);
	expect_num(fds_count(), desk.before, "descriptors");
	registry_close(&desk.registry);
}

#define ONE "[listen a]\nports = %u\nbind = 127.0.0.1\nbackend = b"
#define TWO "[listen a]\nports = %u %u\nbind = 127.0.0.1\nbackend = b"

Test(bindings, a_socket_for_each_worker)
{
	set_up();
	cr_assert(prepare(TWO, desk.port[0], desk.port[1]));
	expect_num(desk.change.added.count, 2, "added");
	for (size_t w = 0; w < 2; w++) {
		expect_num(desk.change.orders[w]->serve.count, 2, "places");
		for (size_t i = 0; i < 2; i++)
			cr_expect(desk.change.orders[w]->serve.at[i].fd >= 0, "a socket");
	}
	expect_num(desk.held.count, 0, "not yet in force");
	commit();
	expect_num(desk.held.count, 2, "in force");
	tear_down();
}

Test(bindings, what_stays_is_not_touched)
{
	struct bindings_change first;

	set_up();
	cr_assert(prepare(TWO, desk.port[0], desk.port[1]));
	commit();
	first = desk.change; /* its sockets stay open, as with workers */
	cr_assert(prepare(TWO, desk.port[1], desk.port[2]));
	expect_num(desk.change.kept, 1, "kept");
	expect_num(desk.change.added.count, 1, "added");
	expect_num(desk.change.removed.count, 1, "removed");
	expect_num(addr_port(&desk.change.removed.at[0]), desk.port[0], "that one");
	expect_num(desk.change.orders[0]->serve.at[0].fd, -1, "its socket goes on");
	cr_expect(desk.change.orders[0]->serve.at[1].fd >= 0, "a new socket");
	commit();
	bindings_discard(&first);
	tear_down();
}

Test(bindings, one_that_fails_fails_all)
{
	struct addr at;
	int other, fds;

	set_up();
	cr_assert(prepare(ONE, desk.port[0], 0));
	commit();
	bindings_discard(&desk.change);
	other = tcp_listen(AF_INET, 1, &at);
	fds = fds_count();
	cr_expect(!prepare(TWO, desk.port[2], addr_port(&at)), "refused");
	expect_num(fds_count(), fds, "what had been opened is closed");
	expect_num(desk.report.errors, 1, "said");
	expect_has(desk.report.at[0].text, "already in use", "said");
	expect_num(desk.held.count, 1, "as before");
	close(other);
	tear_down();
}

/* 0.0.0.0 and 127.0.0.1 overlap: the new one is bound beside the old. */
Test(bindings, from_any_address_to_one_and_back)
{
	struct bindings_change first, second;

	set_up();
	cr_assert(prepare("[listen a]\nports = %u\nbind = 0.0.0.0\nbackend = b", desk.port[0], 0));
	commit();
	first = desk.change;
	cr_assert(prepare(ONE, desk.port[0], 0), "%s",
		  desk.report.count ? desk.report.at[0].text : "");
	commit();
	second = desk.change;
	bindings_discard(&first);
	cr_assert(prepare("[listen a]\nports = %u\nbind = 0.0.0.0\nbackend = b", desk.port[0], 0));
	commit();
	bindings_discard(&second);
	tear_down();
}

/* The workers may still be closing it. */
Test(bindings, back_at_once)
{
	struct bindings_change first;

	set_up();
	cr_assert(prepare(ONE, desk.port[0], 0));
	commit();
	first = desk.change;
	cr_expect(!bindings_leave(&desk.held, "other"), "no such listener");
	cr_expect(bindings_leave(&desk.held, "a"), "let go");
	cr_expect(!bindings_leave(&desk.held, "a"), "once");
	cr_assert(prepare(ONE, desk.port[0], 0));
	expect_num(desk.change.added.count, 1, "bound anew");
	expect_num(desk.change.removed.count, 0, "nothing else changes");
	commit();
	bindings_discard(&first);
	tear_down();
}

static int inherited_socket(unsigned port, int v6only)
{
	struct sockaddr_in6 at = { .sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port) };
	int fd = socket(AF_INET6, SOCK_STREAM, 0), on = 1;

	setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &v6only, sizeof(v6only));
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	cr_assert(bind(fd, (struct sockaddr *)&at, sizeof(at)) == 0 && listen(fd, 8) == 0);
	return fd;
}

/* systemd's ListenStream=25 is one socket for both families. */
Test(bindings, one_inherited_socket_for_both_families)
{
	struct inherited h = { .name = "a" };
	struct inherited_list list = { .at = &h, .count = 1 };

	set_up();
	h.fd = inherited_socket(desk.port[0], 0);
	addr_parse(&h.at, "::", (uint16_t)desk.port[0]);
	desk.held.inherited = &list;
	cr_assert(prepare("[listen a]\nports = %u\nbackend = b", desk.port[0], 0), "%s",
		  desk.report.count ? desk.report.at[0].text : "");
	expect_num(desk.change.orders[1]->serve.count, 1, "places");
	cr_expect(desk.change.orders[1]->serve.at[0].inherited, "shared");
	commit();
	bindings_discard(&desk.change);
	bindings_note_unused(&desk.held, &desk.report);
	expect_num(desk.report.count, 0, "it is used");
	cr_assert(prepare("[listen a]\nports = %u\nbackend = b", desk.port[0], 0));
	expect_num(desk.change.kept, 1, "a reload keeps it");
	bindings_discard(&desk.change);
	cr_assert(prepare(ONE, desk.port[1], 0));
	commit();
	bindings_note_unused(&desk.held, &desk.report);
	expect_num(desk.report.count, 1, "nobody serves it now");
	close(h.fd);
	tear_down();
}

Test(bindings, another_listeners_name)
{
	struct inherited h = { .name = "b", .v6only = true };
	struct inherited_list list = { .at = &h, .count = 1 };

	set_up();
	h.fd = inherited_socket(desk.port[0], 1);
	addr_parse(&h.at, "::", (uint16_t)desk.port[0]);
	desk.held.inherited = &list;
	cr_expect(!prepare("[listen a]\nports = %u\nbind = ::\nbackend = b\n"
			   "[listen b]\nports = %u\nbind = 127.0.0.1\nbackend = b",
			   desk.port[0], desk.port[1]),
		  "it is b's, so a cannot have the address");
	close(h.fd);
	tear_down();
}
