/* What a backend says of how its servers are dialled. */
#include "config/value_dial.h"

#include <stdlib.h>

#include "check.h"

Test(value_dial, device)
{
	static const struct {
		const char *text;
		bool good;
	} rows[] = {
		{ "auto", true },
		{ "any", true },
		{ "tailscale0", true },
		{ "wg-mail.1", true },
		{ "fifteen-letters", true },
		{ "sixteen-letters-", false },
		{ "", false },
		{ ".", false },
		{ "..", false },
		{ "eth0:1", false },
		{ "eth 0", false },
		{ "a/b", false },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		cr_expect(!value_device(rows[i].text) == rows[i].good, "'%s'", rows[i].text);
}

Test(value_dial, source)
{
	static const struct {
		const char *text;
		size_t count; /* 0: refused */
	} rows[] = {
		{ "192.0.2.1", 1 },
		{ "2001:db8::1", 1 },
		{ "192.0.2.1 2001:db8::1", 2 },
		{ "2001:db8::1, 192.0.2.1", 2 },
		{ "192.0.2.1 192.0.2.2", 0 },
		{ "::ffff:192.0.2.1 192.0.2.2", 0 },
		{ "0.0.0.0", 0 },
		{ "::", 0 },
		{ "eth0", 0 },
		{ "", 0 },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct addrs out = { 0 };
		const char *wrong = value_source(rows[i].text, &out);

		cr_expect(!wrong == (rows[i].count > 0), "'%s': %s", rows[i].text,
			  wrong ? wrong : "taken");
		expect_num(out.count, rows[i].count, rows[i].text);
		free(out.at);
	}
}

#define SECRET "hunter2"

Test(value_dial, via)
{
	static const struct {
		const char *text, *at; /* at NULL: refused */
		const char *user, *password;
	} rows[] = {
		{ "socks5://127.0.0.1:1055", "127.0.0.1:1055", NULL, NULL },
		{ "socks5://localhost:1055", "127.0.0.1:1055", NULL, NULL },
		{ "socks5://[::1]:1055", "[::1]:1055", NULL, NULL },
		{ "socks5://edge:" SECRET "@127.0.0.1:1055", "127.0.0.1:1055", "edge", SECRET },
		{ "socks5://e%40dge:a%3ab%25@[::1]:1", "[::1]:1", "e@dge", "a:b%" },
		{ "socks5://edge:a@b@127.0.0.1:1055", "127.0.0.1:1055", "edge", "a@b" },
		{ "socks5://127.0.0.1", NULL, NULL, NULL },
		{ "socks5://127.0.0.1:0", NULL, NULL, NULL },
		{ "socks5://127.0.0.1:65536", NULL, NULL, NULL },
		{ "socks5://::1:1055", NULL, NULL, NULL },
		{ "socks5://tailscale:1055", "-", NULL, NULL },
		{ "socks5://edge:" SECRET "@proxy.example.net:1055", "-", "edge", SECRET },
		{ "socks5://pro xy:1055", NULL, NULL, NULL },
		{ "socks5://127.0.0.300:1055", NULL, NULL, NULL },
		{ "socks5://:1055", NULL, NULL, NULL },
		{ "socks5://", NULL, NULL, NULL },
		{ "socks4://127.0.0.1:1055", NULL, NULL, NULL },
		{ "127.0.0.1:1055", NULL, NULL, NULL },
		{ "socks5://" SECRET "@127.0.0.1:1055", NULL, NULL, NULL },
		{ "socks5://edge:@127.0.0.1:1055", NULL, NULL, NULL },
		{ "socks5://:" SECRET "@127.0.0.1:1055", NULL, NULL, NULL },
		{ "socks5://edge:" SECRET "%0@127.0.0.1:1055", NULL, NULL, NULL },
		{ "socks5://edge:" SECRET "%00@127.0.0.1:1055", NULL, NULL, NULL },
		{ "socks5://edge:" SECRET "@no/where:1055", NULL, NULL, NULL },
	};
	char at[ADDR_TEXT];

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct via_conf via = { 0 };
		const char *wrong = value_via(rows[i].text, &via);

		cr_expect(!wrong == (rows[i].at != NULL), "%s: %s", rows[i].text,
			  wrong ? wrong : "taken");
		if (wrong) {
			cr_expect(!strstr(wrong, SECRET), "it tells a secret: %s", wrong);
			cr_expect(!via.host && !via.user && !via.password, "%s", rows[i].text);
			continue;
		}
		expect_str(addr_format(&via.at, at), rows[i].at, rows[i].text);
		expect_str(via.user ? via.user : "-", rows[i].user ? rows[i].user : "-",
			   rows[i].text);
		expect_str(via.password ? via.password : "-",
			   rows[i].password ? rows[i].password : "-", rows[i].text);
		cr_expect(!via.name == (via.at.sa.sa_family != AF_UNSPEC), "%s", rows[i].text);
		expect_num(addr_port(&via.at) > 0, 1, rows[i].text);
		free(via.host);
		free(via.name);
		free(via.user);
		free(via.password);
	}
}
