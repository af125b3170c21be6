/* Routes as they are written, and what they have to do with each other. */
#include "config/route.h"

#include <stdlib.h>

#include "check.h"

static const char *parse(struct routes *out, const char *text)
{
	return route_parse(text, out);
}

static void forget(struct routes *r)
{
	for (size_t i = 0; i < r->count; i++)
		route_finish(&r->at[i]);
	free(r->at);
	*r = (struct routes){ 0 };
}

Test(route, written_and_understood)
{
	static const struct {
		const char *text, *again, *backend;
		unsigned port;
		bool bytes;
	} rows[] = {
		{ "any -> caddy", "any", "caddy", 0, false },
		{ "sni:mail.example.org -> web:443", "sni:mail.example.org", "web", 443, true },
		{ "sni:*.Example.ORG. -> web", "sni:*.example.org", "web", 0, true },
		{ "SNI:a,alpn:acme-tls/1->web", "sni:a, alpn:acme-tls/1", "web", 0, true },
		{ "host:a path:/.well-known/acme-challenge/ -> w",
		  "host:a, path:/.well-known/acme-challenge/", "w", 0, true },
		{ "source:192.0.2.0/24, any -> w", "source:192.0.2.0/24, any", "w", 0, false },
		{ "source:2001:db8::1, tls -> w", "source:2001:db8::1, tls", "w", 0, true },
		{ "http -> w", "http", "w", 0, true },
		{ "ssh -> w:22", "ssh", "w", 22, true },
	};
	struct routes r = { 0 };
	char text[ROUTE_TEXT];

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		cr_assert(!parse(&r, rows[i].text), "%s: %s", rows[i].text,
			  parse(&r, rows[i].text));
		expect_str(route_format(&r.at[i], text), rows[i].again, rows[i].text);
		expect_str(r.at[i].target.name, rows[i].backend, rows[i].text);
		expect_num(r.at[i].target.port, rows[i].port, rows[i].text);
		expect_num(route_needs_bytes(&r.at[i]), rows[i].bytes, rows[i].text);
	}
	forget(&r);
}

Test(route, mistakes)
{
	static const struct {
		const char *text, *expected;
	} rows[] = {
		{ "", "MATCH, ... -> BACKEND" },
		{ "any", "MATCH, ... -> BACKEND" },
		{ "any caddy", "MATCH, ... -> BACKEND" },
		{ "-> caddy", "what to choose by before ->" },
		{ "any ->", "NAME or NAME:PORT of a backend" },
		{ "any -> a:b", "NAME or NAME:PORT of a backend" },
		{ "any -> a b", "NAME or NAME:PORT of a backend" },
		{ "any:x -> a", "any alone, not 'any:x'" },
		{ "sni -> a", "sni: with a value behind it" },
		{ "sni: -> a", "a host name behind sni:" },
		{ "sni:* -> a", "a host name or *.NAME behind sni:" },
		{ "sni:*. -> a", "a host name behind sni:" },
		{ "sni:.a -> a", "a host name behind sni:" },
		{ "sni:a.*.b -> a",
		  "a host name or *.NAME behind sni:, without a port, not 'a.*.b'" },
		{ "host:a:80 -> a", "without a port, not 'a:80'" },
		{ "host:b\xc3\xbc"
		  "cher.example -> a",
		  "xn--..." },
		{ "snj:a -> a", "not 'snj:a', did you mean 'sni'?" },
		{ "hots:a -> a", "did you mean 'host'?" },
		{ "path:a -> a", "the beginning of a path behind path:" },
		{ "path:/a?b -> a", "a path without a query" },
		{ "alpn: -> a", "a protocol behind alpn:" },
		{ "source:a -> a", "a network behind source:" },
		{ "source:192.0.2.1/24 -> a", "probably 192.0.2.0/24" },
	};
	struct routes r = { 0 };

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		expect_has(parse(&r, rows[i].text), rows[i].expected, rows[i].text);
		expect_num(r.count, 0, rows[i].text);
	}
	free(r.at);
}
