/* Heads of HTTP/1 requests: where they want to go. */
#include "codec/host.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/bits.h"
#include "check.h"

static const struct {
	const char *text, *name, *path;
} requests[] = {
	{ "GET / HTTP/1.1\r\nHost: mail.example.org\r\n", "mail.example.org", "/" },
	{ "GET /a/b?c=/d HTTP/1.1\r\nAccept: */*\r\nHOST:MAIL.Example.org:8080 \r\n",
	  "mail.example.org", "/a/b" },
	{ "GET / HTTP/1.1\r\nHost:\t mail.example.org.\t\r\n", "mail.example.org", "/" },
	{ "GET / HTTP/1.1\nHost: a\n", "a", "/" },
	{ "GET / HTTP/1.0\r\n\r\n", "", "/" },
	{ "GET / HTTP/1.1\r\nX-Host: b\r\nHost : c\r\n Host: d\r\nHost: a\r\n", "a", "/" },
	{ "GET / HTTP/1.1\r\nHost: a\r\n", "a", "/" },
	{ "GET / HTTP/1.1\r\nHost:\r\n", "", "/" },
	{ "GET / HTTP/1.1\r\nHost: a b\r\n", "", "/" },
	{ "GET / HTTP/1.1\r\nHost: a:b\r\n", "", "/" },
	{ "GET / HTTP/1.1\r\nHost: [2001:db8::1]:80\r\n", "", "/" },
	{ "GET / HTTP/1.1\r\nHost: 192.0.2.1:80\r\n", "192.0.2.1", "/" },
	{ "GET http://A.example/b/c?d HTTP/1.1\r\n", "a.example", "/b/c" },
	{ "GET HTTP://a.example:80?d HTTP/1.1\r\n", "a.example", "" },
	{ "GET http://user@a.example/ HTTP/1.1\r\n", "", "/" },
	{ "OPTIONS * HTTP/1.1\r\nHost: a\r\n", "a", "" },
	{ "CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n", "a", "" },
	{ "M-SEARCH /x HTTP/1.1\r\nHost: a\r\n", "a", "/x" },
};

/* In memory of exactly its size, so that the address sanitizer sees a read beyond it. */
static int parse_exact(const char *text, size_t n, struct host *h)
{
	uint8_t *copy = malloc(n ? n : 1);
	int result;

	memcpy(copy, text, n);
	result = host_parse(copy, n, h);
	free(copy);
	return result;
}

Test(host, of_requests)
{
	char path[100];
	struct host h;

	for (size_t i = 0; i < ARRAY_LEN(requests); i++) {
		const char *text = requests[i].text;

		expect_num(parse_exact(text, strlen(text), &h), strlen(text), text);
		expect_str(h.name, requests[i].name, text);
		snprintf(path, sizeof(path), "%.*s", (int)h.path_len, text + h.path);
		expect_str(path, requests[i].path, text);
	}
}

Test(host, a_part_is_never_taken_for_the_whole)
{
	struct host h;

	for (size_t i = 0; i < ARRAY_LEN(requests); i++) {
		const char *text = requests[i].text;
		size_t line = strcspn(text, "\n");

		for (size_t n = 0; n < strlen(text); n++) {
			cr_expect(parse_exact(text, n, &h) == 0, "%zu of %s", n, text);
			cr_expect(h.line == (n > line), "%zu of %s", n, text);
		}
	}
}

Test(host, what_is_none)
{
	static const char *const rows[] = {
		" GET / HTTP/1.1\r\n",
		"\r\n",
		"\x16\x03\x01",
		"GET\r\n",
		"GET  / HTTP/1.1\r\n",
		"GET / HTTP/2.0\r\n",
		"PRI * HTTP/2.0\r\n",
		"GET / HTTP/1.x\r\n",
		"GET / http/1.1\r\n",
		"GET /\r\n",
		"GET / HTTP/1.1 \r\n",
		"GET /\x7f HTTP/1.1\r\n",
		"GET /a b HTTP/1.1\r\n",
		"SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n",
		"EHLO mail.example.org\r\n",
		"PROXY TCP4 1.2.3.4 1.2.3.4 1 2\r\n",
		"ABCDEFGHIJKLMNOPQRSTUVWXYZABCDEFGHIJKLMNOPQRSTUVWXYZ",
	};
	struct host h;

	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		expect_num(parse_exact(rows[i], strlen(rows[i]), &h), -EPROTO, rows[i]);
}

Test(host, paths)
{
	static const struct {
		const char *path, *prefix;
		bool begins;
	} rows[] = {
		{ "/.well-known/acme-challenge/abc", "/.well-known/acme-challenge/", true },
		{ "/.well-known/acme-challenge/", "/.well-known/acme-challenge/", true },
		{ "/.well-known/acme-challenge", "/.well-known/acme-challenge/", false },
		{ "/.well-known/acme-challenge/../admin", "/.well-known/acme-challenge/", false },
		{ "/.well-known/acme-challenge/..", "/.well-known/acme-challenge/", false },
		{ "/.well-known/acme-challenge/%2e%2E/admin", "/.well-known/acme-challenge/",
		  false },
		{ "/.well-known/acme-challenge/a..b", "/.well-known/acme-challenge/", true },
		{ "/.Well-Known/acme-challenge/", "/.well-known/acme-challenge/", false },
		{ "/", "/", true },
		{ "*", "/", false },
	};
	char text[200];
	struct host h;

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		snprintf(text, sizeof(text), "GET %s HTTP/1.1\r\nHost: a\r\n", rows[i].path);
		cr_assert(host_parse((const uint8_t *)text, strlen(text), &h) > 0);
		cr_expect(host_path_begins(&h, (const uint8_t *)text, rows[i].prefix) ==
				  rows[i].begins,
			  "%s", rows[i].path);
	}
}
