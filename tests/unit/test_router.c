/* Which route fits a client, at each byte that it says. */
#include "edge/router.h"

#include <stdio.h>
#include <stdlib.h>

#include "check.h"
#include "config/route.h"

static uint8_t bytes[20000];

static size_t recorded(const char *name)
{
	char path[400];
	FILE *f;
	size_t n;

	snprintf(path, sizeof(path), CORPUS "/hello/%s", name);
	f = fopen(path, "re");
	cr_assert(f, "%s", path);
	n = fread(bytes, 1, sizeof(bytes), f);
	fclose(f);
	return n;
}

static size_t text_of(const char *text)
{
	memcpy(bytes, text, strlen(text));
	return strlen(text);
}

/* Lines of routes, each to x. */
static void parse(struct routes *r, const char *lines)
{
	char line[200];

	*r = (struct routes){ 0 };
	while (*lines) {
		size_t n = strcspn(lines, "\n");

		snprintf(line, sizeof(line), "%.*s -> x", (int)n, lines);
		cr_assert(!route_parse(line, r), "%s", line);
		lines += n + (lines[n] == '\n');
	}
}

static void forget(struct routes *r)
{
	for (size_t i = 0; i < r->count; i++)
		route_finish(&r->at[i]);
	free(r->at);
}

static size_t choose(const struct routes *r, size_t n, bool final)
{
	struct addr client;
	struct sight s = { .client = &client, .bytes = bytes, .n = n, .final = final };

	addr_parse(&client, "203.0.113.7", 1);
	return router_choose(r, &s);
}

/* `known`: from so many bytes on; before, it waits, and at its end takes the route `silent`. */
static const struct {
	const char *routes, *hello, *text;
	size_t known, route, silent;
} rows[] = {
#define NONE ROUTER_NONE
#define ALL  SIZE_MAX
	{ "any", NULL, "", 0, 0, 0 },
	{ "source:203.0.113.0/24\nsni:a", NULL, "x", 0, 0, 0 },
	{ "source:192.0.2.0/24\nany", NULL, "x", 0, 1, 1 },
	{ "source:192.0.2.0/24", NULL, "x", 0, NONE, NONE },
	{ "source:192.0.2.0/24, sni:a\nany", NULL, "x", 0, 1, 1 },
	{ "sni:mail.example.org\nany", "openssl-sni", NULL, ALL, 0, 1 },
	{ "sni:*.example.org\nany", "chromium-0", NULL, ALL, 0, 1 },
	{ "sni:*.example.org\nany", "chromium-fragments", NULL, ALL, 0, 1 },
	{ "sni:*.org\nany", "openssl-sni", NULL, ALL, 0, 1 },
	{ "sni:*.mail.example.org\nany", "openssl-sni", NULL, ALL, 1, 1 },
	{ "sni:example.org\nany", "openssl-sni", NULL, ALL, 1, 1 },
	{ "sni:mail.example.org\nany", "openssl-nosni", NULL, ALL, 1, 1 },
	{ "sni:other.example\nsni:mail.example.org, alpn:h2\nany", "openssl-sni", NULL, ALL, 2,
	  2 },
	{ "sni:mail.example.org, alpn:acme-tls/1\nsni:mail.example.org\nany", "openssl-alpn", NULL,
	  ALL, 0, 2 },
	{ "alpn:acme-tls/1\nany", "chromium-0", NULL, ALL, 1, 1 },
	{ "tls\nany", "openssl-sni", NULL, 6, 0, 1 },
	{ "tls\nhttp\nssh", "openssl-sni", NULL, 6, 0, NONE },
	{ "tls\nany", NULL, "GET / HTTP/1.1\r\n", 1, 1, 1 },
	{ "tls\nhttp\nany", NULL, "GET / HTTP/1.1\r\n", ALL, 1, 2 },
	{ "path:/.well-known/acme-challenge/\nany", NULL,
	  "GET /.well-known/acme-challenge/x HTTP/1.1\r\n", ALL, 0, 1 },
	{ "path:/.well-known/acme-challenge/\nany", NULL, "GET / HTTP/1.1\r\n", ALL, 1, 1 },
	{ "host:a, path:/x\nhost:a\nany", NULL, "GET / HTTP/1.1\r\nHost: A:80\r\n", ALL, 1, 2 },
	{ "host:a, path:/x\nany", NULL, "GET / HTTP/1.1\r\n", ALL, 1, 1 },
	{ "host:*.a\nany", NULL, "GET / HTTP/1.1\r\nX: y\r\nHost: b.a\r\n", ALL, 0, 1 },
	{ "host:a", NULL, "GET / HTTP/1.1\r\n\r\n", ALL, NONE, NONE },
	{ "host:a\nany", NULL, "\x16\x03\x01", 1, 1, 1 },
	{ "ssh\nany", NULL, "SSH-", ALL, 0, 1 },
	{ "ssh\nany", NULL, "SSL", ALL, 1, 1 },
	{ "ssh\ntls\nany", NULL, "EHLO", 1, 2, 2 },
	{ "tls, http", NULL, "G", 1, NONE, NONE },
};

Test(router, at_each_byte)
{
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		size_t n = rows[i].hello ? recorded(rows[i].hello) : text_of(rows[i].text);
		size_t known = rows[i].known == ALL ? n : rows[i].known;
		char label[200];
		struct routes r;

		parse(&r, rows[i].routes);
		for (size_t k = 0; k <= n; k++) {
			snprintf(label, sizeof(label), "row %zu, %zu of %zu bytes", i, k, n);
			expect_num(choose(&r, k, false), k < known ? ROUTER_WAIT : rows[i].route,
				   label);
			expect_num(choose(&r, k, true), k < known ? rows[i].silent : rows[i].route,
				   label);
		}
		forget(&r);
	}
}
