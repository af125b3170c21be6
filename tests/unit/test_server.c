/* One server: the order in which its addresses are tried. */
#include "backend/server.h"

#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "check.h"

static struct {
	struct registry registry;
	struct server *server;
	struct addr at[NAME_ADDRESSES_MAX]; /* of the last answer */
} desk;

static void set_up(const char *const *addresses, size_t count)
{
	struct addr at[4];

	log_setup(LINE_LOGFMT, LOG_ERROR);
	cr_assert(registry_open(&desk.registry) == 0);
	desk.server = server_hold(&desk.registry, "mail", "mail.example.net", 25, false);
	for (size_t i = 0; i < count; i++)
		cr_assert(addr_parse(&at[i], addresses[i], 0));
	cr_assert(names_tell(&desk.registry.names, "mail.example.net", at, count, NULL));
}

static void tear_down(void)
{
	server_release(desk.server);
	cr_expect(list_empty(&desk.registry.servers), "no server is left");
	registry_close(&desk.registry);
}

static void expect_order(const char *wanted)
{
	size_t count = server_addresses(desk.server, 0, desk.at);
	char got[400] = "", text[ADDR_TEXT];

	for (size_t i = 0; i < count; i++)
		sprintf(got + strlen(got), "%s%s", i ? " " : "", addr_format(&desk.at[i], text));
	expect_str(got, wanted, "order");
}

/* A family that failed once is not given up for ever: after a while one flow tries it, and what it meets holds. */
Test(server, a_family_is_tried_again)
{
	static const char *const addresses[] = { "2001:db8::1", "192.0.2.1" };
	static const char v4_first[] = "192.0.2.1:25 [2001:db8::1]:25";
	static const char v6_first[] = "[2001:db8::1]:25 192.0.2.1:25";

	set_up(addresses, 2);
	expect_order(v6_first);
	for (int i = 0; i < 2; i++) {
		server_note(desk.server, &desk.at[0], HEALTH_CONNECT_FAILED);
		expect_order(v4_first);
		desk.server->family_since -= SERVER_FAMILY_HOLDS - 1000;
		expect_order(v4_first);
		desk.server->family_since -= 1000;
		cr_expect(server_is_up(desk.server), "to ask is not to try");
		expect_order(v6_first);
		expect_order(v4_first);
		desk.server->family_since -= SERVER_FAMILY_HOLDS;
		expect_order(v6_first);
	}
	server_note(desk.server, &desk.at[0], HEALTH_WORKED);
	expect_order(v6_first);
	tear_down();
}

/* Where the answer's first family is the one that works, there is nothing to try. */
Test(server, a_family_that_is_first_anyway)
{
	static const char *const addresses[] = { "192.0.2.1", "2001:db8::1", "192.0.2.2" };
	static const char order[] = "192.0.2.1:25 [2001:db8::1]:25 192.0.2.2:25";

	set_up(addresses, 3);
	expect_order(order);
	server_note(desk.server, &desk.at[0], HEALTH_WORKED);
	desk.server->family_since = 0;
	expect_order(order);
	server_note(desk.server, &desk.at[1], HEALTH_CONNECT_FAILED);
	expect_order(order);
	expect_num(desk.server->family_since, 0, "nothing was remembered anew");
	tear_down();
}
