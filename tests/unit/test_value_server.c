/* What a backend says of its servers. */
#include "config/value_server.h"

#include <stdlib.h>

#include "check.h"

/* `expected` is what was answered; `words` NULL: it should have been taken. */
static void expect_taken(const char *expected, const char *words, const char *text)
{
	if (words)
		expect_has(expected, words, text);
	else
		cr_expect(!expected, "'%s' was refused: expected %s", text, expected);
}

Test(value_server, server)
{
	static const char full_name[] = "HOST is an IP address, a host name or tailnet:NODE";
	static const char node[] = "tailnet:NODE, where NODE";
	static const char option[] = "weight=1 to weight=256 or backup, not ";
	static const char behind[] = "a port from 1 to 65535 behind the last ':'";
	static const struct {
		const char *text, *host;
		uint16_t port;
		const char *words;
	} rows[] = {
		{ "192.0.2.1", "192.0.2.1", 0, NULL },
		{ "192.0.2.1:25", "192.0.2.1", 25, NULL },
		{ "2001:db8::1", "2001:db8::1", 0, NULL },
		{ "2001:db8::1:25", "2001:db8::1:25", 0, NULL },
		{ "[2001:db8::1]", "[2001:db8::1]", 0, NULL },
		{ "[2001:db8::1]:25", "[2001:db8::1]", 25, NULL },
		{ "[fe80::1%lo]:25", "[fe80::1%lo]", 25, NULL },
		{ "mail.example.com", "mail.example.com", 0, NULL },
		{ "mail.example.com:587", "mail.example.com", 587, NULL },
		{ "mail.example.com.", "mail.example.com.", 0, NULL },
		{ "_mail.example.com", "_mail.example.com", 0, NULL },
		{ "localhost", "localhost", 0, NULL },
		{ "localhost:2525", "localhost", 2525, NULL },
		/* a name without a dot is a matter of lint.h */
		{ "stalwart:25", "stalwart", 25, NULL },
		{ "", NULL, 0, full_name },
		{ ":25", NULL, 0, full_name },
		{ "192.0.2.256", NULL, 0, full_name },
		{ "192.0.2", NULL, 0, full_name },
		{ "25", NULL, 0, full_name },
		{ "[192.0.2.1]:25", NULL, 0, full_name },
		{ "2001:db8::g:25", NULL, 0, full_name },
		{ "-a.example.com", NULL, 0, full_name },
		{ ".example.com", NULL, 0, full_name },
		{ "a..example.com", NULL, 0, full_name },
		{ "a b.example.com", NULL, 0, option },
		{ "tailnet:mailbox", "tailnet:mailbox", 0, NULL },
		{ "tailnet:mail.box-1", "tailnet:mail.box-1", 0, NULL },
		{ "tailnet:", NULL, 0, node },
		{ "tailnet:100.64.0.1", NULL, 0, node },
		{ "tailnet:mail box", NULL, 0, option },
		{ "tailnet:mailbox:", NULL, 0, behind },
		{ "mail.example.com weight=0", NULL, 0, option },
		{ "mail.example.com weight=257", NULL, 0, option },
		{ "mail.example.com weight = 2", NULL, 0, option },
		{ "mail.example.com Backup", NULL, 0, option },
		{ "https://mail.example.com/", NULL, 0, "a port from 1" },
		{ "mail.example.com:", NULL, 0, behind },
		{ "mail.example.com:65536", NULL, 0, behind },
		{ "mail.example.com:smtp", NULL, 0, behind },
		{ "[2001:db8::1]:", NULL, 0, "[2001:db8::1]:25" },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct servers s = { 0 };

		expect_taken(value_server(rows[i].text, &s), rows[i].words, rows[i].text);
		expect_num(s.count, rows[i].host ? 1 : 0, rows[i].text);
		if (s.count == 1 && rows[i].host) {
			expect_str(s.at[0].host, rows[i].host, rows[i].text);
			expect_num(s.at[0].port, rows[i].port, rows[i].text);
			expect_num(s.at[0].weight, 1, rows[i].text);
			expect_num(s.at[0].backup, false, rows[i].text);
		}
		for (size_t k = 0; k < s.count; k++)
			free(s.at[k].host);
		free(s.at);
	}
}

Test(value_server, server_options)
{
	static const struct {
		const char *text, *host;
		uint16_t port;
		unsigned weight;
		bool backup;
	} rows[] = {
		{ "mail.example.com weight=2", "mail.example.com", 0, 2, false },
		{ "mail.example.com:25  backup\tweight=256", "mail.example.com", 25, 256, true },
		{ "2001:db8::1 weight=7", "2001:db8::1", 0, 7, false },
		{ "tailnet:mailbox:25 backup", "tailnet:mailbox", 25, 1, true },
	};
	struct servers s = { 0 };

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		expect_taken(value_server(rows[i].text, &s), NULL, rows[i].text);
		cr_assert(s.count == i + 1);
		expect_str(s.at[i].host, rows[i].host, rows[i].text);
		expect_num(s.at[i].port, rows[i].port, rows[i].text);
		expect_num(s.at[i].weight, rows[i].weight, rows[i].text);
		expect_num(s.at[i].backup, rows[i].backup, rows[i].text);
	}
	while (s.count < BACKEND_SERVERS_MAX)
		expect_taken(value_server("192.0.2.1", &s), NULL, "one more");
	expect_taken(value_server("192.0.2.1", &s), "at most 64 servers", "one too many");
	for (size_t k = 0; k < s.count; k++)
		free(s.at[k].host);
	free(s.at);
}

Test(value_server, server_name_has_an_end)
{
	char name[400];
	struct servers s = { 0 };

	memset(name, 'a', sizeof(name));
	memcpy(name, "m.", 2);
	name[253] = '\0';
	cr_expect(!value_server(name, &s), "253 characters are a name");
	name[253] = 'a';
	for (size_t len = 254; len < sizeof(name); len++) {
		name[len] = '\0';
		cr_expect(value_server(name, &s), "%zu characters", len);
		name[len] = 'a';
	}
	expect_num(s.count, 1, "servers");
	free(s.at[0].host);
	free(s.at);
}

Test(value_server, on_down)
{
	static const char expected[] = "reset, smtp-421, or hold with a time from 1s to 5m";
	static const struct {
		const char *text, *words;
		enum on_down kind;
		msec_t hold;
	} rows[] = {
		{ "reset", NULL, ON_DOWN_RESET, 0 },
		{ "smtp-421", NULL, ON_DOWN_SMTP_421, 0 },
		{ "hold 20s", NULL, ON_DOWN_HOLD, 20000 },
		{ "hold \t 5m", NULL, ON_DOWN_HOLD, 300000 },
		{ "hold", expected, 0, 0 },
		{ "hold ", expected, 0, 0 },
		{ "hold 20", expected, 0, 0 },
		{ "hold 999ms", expected, 0, 0 },
		{ "hold 301s", expected, 0, 0 },
		{ "hold20s", expected, 0, 0 },
		{ "holdup 20s", expected, 0, 0 },
		{ "hold 20s 30s", expected, 0, 0 },
		{ "", expected, 0, 0 },
		{ " 20s", expected, 0, 0 },
		{ "Reset", expected, 0, 0 },
		{ "smtp", expected, 0, 0 },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct on_down_conf c = { 0 };

		expect_taken(value_on_down(rows[i].text, &c), rows[i].words, rows[i].text);
		expect_num(c.kind, rows[i].kind, rows[i].text);
		expect_num(c.hold, rows[i].hold, rows[i].text);
	}
}
