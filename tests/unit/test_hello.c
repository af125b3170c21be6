/* ClientHellos: those of real clients, whole, cut and scattered over records, and what only looks like one. */
#include "codec/hello.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/bits.h"
#include "check.h"

#define BYTES_MAX 20000

struct bytes {
	uint8_t at[BYTES_MAX];
	size_t n;
};

static void read_file(const char *name, struct bytes *out)
{
	char path[400];
	FILE *f;

	snprintf(path, sizeof(path), CORPUS "/hello/%s", name);
	f = fopen(path, "re");
	cr_assert(f, "%s", path);
	out->n = fread(out->at, 1, sizeof(out->at), f);
	fclose(f);
}

/* Recorded with OpenSSL 3, curl 7.88, Python 3.11 and Chromium 156 (post-quantum key share, GREASE, ECH). */
static const struct {
	const char *file, *name, *alpn;
} recorded[] = {
	{ "openssl-sni", "mail.example.org", "" },
	{ "openssl-alpn", "mail.example.org", "acme-tls/1" },
	{ "openssl-nosni", "", "" },
	{ "openssl-tls12", "mail.example.org", "" },
	{ "curl", "mail.example.org", "h2 http/1.1" },
	{ "python", "mail.example.org", "" },
	{ "chromium-0", "mail.example.org", "h2 http/1.1" },
	{ "chromium-1", "mail.example.org", "h2 http/1.1" },
	{ "chromium-fragments", "mail.example.org", "h2 http/1.1" },
	{ "fragments-of-1", "mail.example.org", "" },
	{ "fragments-of-7", "mail.example.org", "" },
};

static const char *alpn_text(const struct hello *h)
{
	static char text[300];
	size_t used = 0;

	for (size_t at = 0; at < h->alpn_len; at += 1u + h->alpn[at]) {
		if (used)
			text[used++] = ' ';
		memcpy(text + used, h->alpn + at + 1, h->alpn[at]);
		used += h->alpn[at];
	}
	text[used] = '\0';
	return text;
}

/* In memory of exactly its size, so that the address sanitizer sees a read beyond it. */
static int parse_exact(const uint8_t *bytes, size_t n, struct hello *h)
{
	uint8_t *copy = malloc(n ? n : 1);
	int result;

	memcpy(copy, bytes, n);
	result = hello_parse(copy, n, h);
	free(copy);
	return result;
}

static void expect_hello(const struct bytes *b, int end, const char *name, const char *alpn,
			 const char *label)
{
	struct hello h;

	expect_num(parse_exact(b->at, b->n, &h), end, label);
	expect_str(h.name, name, label);
	expect_str(alpn_text(&h), alpn, label);
}

Test(hello, of_real_clients)
{
	static struct bytes b;

	for (size_t i = 0; i < ARRAY_LEN(recorded); i++) {
		read_file(recorded[i].file, &b);
		expect_hello(&b, (int)b.n, recorded[i].name, recorded[i].alpn, recorded[i].file);
		expect_num(hello_begins(b.at, b.n), 6, recorded[i].file);
	}
}

Test(hello, a_part_is_never_taken_for_the_whole)
{
	static struct bytes b;
	struct hello h;

	for (size_t i = 0; i < ARRAY_LEN(recorded); i++) {
		read_file(recorded[i].file, &b);
		for (size_t n = 0; n < b.n; n++) {
			cr_expect(parse_exact(b.at, n, &h) == 0, "%s: %zu", recorded[i].file, n);
			cr_expect(!h.name[0] && !h.alpn_len, "%s: %zu", recorded[i].file, n);
			cr_expect(hello_begins(b.at, n) == (n < 6 ? 0 : 6), "%s: %zu",
				  recorded[i].file, n);
		}
		memset(b.at + b.n, 0xff, 20);
		expect_num(hello_parse(b.at, b.n + 20, &h), b.n, "more follows");
	}
}

static void add(struct bytes *b, const void *bytes, size_t n)
{
	cr_assert(b->n + n <= sizeof(b->at));
	memcpy(b->at + b->n, bytes, n);
	b->n += n;
}

static void add_number(struct bytes *b, size_t bytes, size_t number)
{
	while (bytes--)
		add(b, &(uint8_t){ (uint8_t)(number >> 8 * bytes) }, 1);
}

static void add_vector(struct bytes *b, size_t bytes, const void *body, size_t n)
{
	add_number(b, bytes, n);
	add(b, body, n);
}

static void add_extension(struct bytes *b, size_t type, const void *body, size_t n)
{
	add_number(b, 2, type);
	add_vector(b, 2, body, n);
}

/* A hello with these extensions, in records of at most `record` bytes. */
static void make(struct bytes *out, const struct bytes *extensions, size_t record)
{
	static struct bytes body, message;

	body.n = message.n = out->n = 0;
	add_number(&body, 2, 0x0303);
	for (int i = 0; i < 32; i++)
		add_number(&body, 1, 7);
	add_number(&body, 1, 0);
	add_vector(&body, 2, "\x13\x01\x0a\x0a", 4);
	add_vector(&body, 1, "", 1);
	add_vector(&body, 2, extensions->at, extensions->n);
	add_number(&message, 1, 1);
	add_vector(&message, 3, body.at, body.n);
	for (size_t at = 0; at < message.n; at += record) {
		add_number(out, 3, 0x160301);
		add_vector(out, 2, message.at + at, min_of(record, message.n - at));
	}
}

static void add_name(struct bytes *extensions, const char *name, size_t n)
{
	static struct bytes list, body;

	list.n = body.n = 0;
	add_number(&list, 1, 0);
	add_vector(&list, 2, name, n);
	add_vector(&body, 2, list.at, list.n);
	add_extension(extensions, 0, body.at, body.n);
}

Test(hello, names)
{
	static char longest[256];
	static const struct {
		const char *given, *read;
	} rows[] = {
		{ "mail.example.org", "mail.example.org" },
		{ "MAIL.Example.ORG", "mail.example.org" },
		{ "mail.example.org.", "mail.example.org" },
		{ "xn--bcher-kva.example", "xn--bcher-kva.example" },
		{ "_mta-sts.example.org", "_mta-sts.example.org" },
		{ "localhost", "localhost" },
		{ "", "" },
		{ "mail example", "" },
		{ "mail\nforged=1", "" },
		{ "b\xc3\xbc", "" },
		{ "2001:db8::1", "" },
		{ longest, "" },
	};
	static struct bytes extensions, b;

	memset(longest, 'a', 255);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		extensions.n = 0;
		add_name(&extensions, rows[i].given, strlen(rows[i].given));
		make(&b, &extensions, 16384);
		expect_hello(&b, (int)b.n, rows[i].given == longest ? longest : rows[i].read, "",
			     rows[i].given);
	}
	extensions.n = 0;
	add_name(&extensions, "mail\0.example", 13);
	make(&b, &extensions, 16384);
	expect_hello(&b, (int)b.n, "", "", "a NUL inside");
}

Test(hello, up_to_16_kib_in_records_of_any_size)
{
	static const size_t records[] = { 1, 2, 5, 6, 127, 1400, 4096, 16384 };
	static struct bytes extensions, b;
	static uint8_t padding[16000];
	struct hello h;

	for (size_t i = 0; i < ARRAY_LEN(records); i++) {
		extensions.n = 0;
		add_extension(&extensions, 0x0a0a, "", 0);
		/* Padding (RFC 7685), as large as it may be; with records of few bytes the whole is several times that. */
		add_extension(&extensions, 21, padding, records[i] < 127 ? 1800 : 16000);
		add_name(&extensions, "last.example.org", 16);
		make(&b, &extensions, records[i]);
		expect_hello(&b, (int)b.n, "last.example.org", "", "padded");
		expect_num(hello_parse(b.at, b.n - 1, &h), 0, "one byte less");
	}
}

Test(hello, longer_is_refused_as_soon_as_it_says_so)
{
	/* 16384 with the header of the message is the most. */
	static const uint8_t most[] = "\x16\x03\x01\x40\x00\x01\x00\x3f\xfc",
			     more[] = "\x16\x03\x01\x40\x00\x01\x00\x3f\xfd";
	struct hello h;

	expect_num(hello_parse(most, 9, &h), 0, "16384");
	expect_num(hello_parse(more, 9, &h), -EPROTO, "16385");
}

#define ROW(bytes) bytes, sizeof(bytes) - 1

Test(hello, what_is_none)
{
	static const struct {
		const char *label, *bytes;
		size_t n;
	} rows[] = {
		{ "SSLv2", ROW("\x80\x2e\x01\x00\x02\x00\x15") },
		{ "an alert", ROW("\x15\x03\x01\x00\x02\x01\x00") },
		{ "HTTP", ROW("GET / HTTP/1.1\r\n") },
		{ "SMTP", ROW("EHLO mail\r\n") },
		{ "PROXY v2", ROW("\r\n\r\n\0\r\nQUIT\n") },
		{ "a NUL", ROW("\0") },
		{ "version 2", ROW("\x16\x02") },
		{ "version 4", ROW("\x16\x04\x00") },
		{ "an empty record", ROW("\x16\x03\x01\x00\x00") },
		{ "a record too long", ROW("\x16\x03\x01\x40\x01") },
		{ "a ServerHello", ROW("\x16\x03\x01\x00\x40\x02") },
		{ "another record inside", ROW("\x16\x03\x01\x00\x01\x01\x17") },
		{ "a body too short", ROW("\x16\x03\x01\x00\x06\x01\x00\x00\x02\x03\x03") },
	};
	struct hello h;

	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		expect_num(parse_exact((const uint8_t *)rows[i].bytes, rows[i].n, &h), -EPROTO,
			   rows[i].label);
}

Test(hello, extensions_that_contradict_themselves)
{
	static struct bytes extensions, b;
	struct hello h;

	extensions.n = 0;
	add_name(&extensions, "one.example", 11);
	add_name(&extensions, "two.example", 11);
	make(&b, &extensions, 16384);
	expect_num(hello_parse(b.at, b.n, &h), -EPROTO, "two names");
	extensions.n = 0;
	add_extension(&extensions, 0,
		      "\0\x05\0\0\x01"
		      "a",
		      6);
	make(&b, &extensions, 16384);
	expect_num(hello_parse(b.at, b.n, &h), -EPROTO, "a list that is longer than its extension");
	extensions.n = 0;
	add_extension(&extensions, 16, "\0\x01\0", 3);
	make(&b, &extensions, 16384);
	expect_num(hello_parse(b.at, b.n, &h), -EPROTO, "a protocol without a name");
	extensions.n = 0;
	add_number(&extensions, 2, 5);
	make(&b, &extensions, 16384);
	expect_num(hello_parse(b.at, b.n, &h), -EPROTO, "half an extension");
}

Test(hello, protocols)
{
	static struct bytes extensions, b;
	struct hello h;
	size_t len;

	extensions.n = 0;
	add_extension(&extensions, 16, "\0\x0c\x02h2\x08http/1.1", 14);
	make(&b, &extensions, 16384);
	cr_assert(hello_parse(b.at, b.n, &h) > 0);
	cr_expect(hello_offers(&h, "h2") && hello_offers(&h, "http/1.1"));
	cr_expect(!hello_offers(&h, "h") && !hello_offers(&h, "http/1.") && !hello_offers(&h, ""));
	cr_expect(!hello_only_protocol(&h, &len), "the server chooses");
	extensions.n = 0;
	add_extension(&extensions, 16,
		      "\0\x0b\x0a"
		      "acme-tls/1",
		      13);
	make(&b, &extensions, 16384);
	cr_assert(hello_parse(b.at, b.n, &h) > 0);
	cr_expect(hello_only_protocol(&h, &len) && len == 10, "there is no other");
	extensions.n = 0;
	make(&b, &extensions, 16384);
	cr_assert(hello_parse(b.at, b.n, &h) > 0);
	cr_expect(!hello_only_protocol(&h, &len) && !hello_offers(&h, "h2"), "none");
}
