/* What a server hears first: the header, and what of its TLVs a client, a proxy before us and the configuration give. */
#include "edge/greeting.h"

#include <stdio.h>
#include <stdlib.h>

#include "check.h"
#include "codec/pp.h"
#include "codec/tlv.h"

static size_t recorded(const char *name, uint8_t *out, size_t size)
{
	char path[400];
	FILE *f;
	size_t n;

	snprintf(path, sizeof(path), CORPUS "/hello/%s", name);
	f = fopen(path, "re");
	cr_assert(f, "%s", path);
	n = fread(out, 1, size, f);
	fclose(f);
	return n;
}

/* "type=value type=value" of a header, values as text. */
static const char *tlvs_of(const struct greeting *g)
{
	static char text[8192];
	struct pp pp;
	struct tlv t;
	size_t at = 0, used = 0;

	cr_assert(pp_parse(g->bytes, g->len, &pp) == (int)g->len,
		  "it is one, and its sum is right");
	text[0] = '\0';
	while (tlv_next(g->bytes + pp.tlvs, pp.tlvs_len, &at, &t))
		used += (size_t)snprintf(text + used, sizeof(text) - used, "%s%02x=%.*s",
					 used ? " " : "", t.type,
					 t.type == TLV_CRC32C ? 0 : (int)min_of(t.len, (size_t)40),
					 (const char *)t.value);
	return text;
}

static const char *said(unsigned wanted, const struct head *head)
{
	static char copy[8192];
	struct backend_conf b = { .send_proxy = PP_V2, .proxy_tlv = wanted };
	struct addr src, dst;
	struct greeting *g;

	addr_parse(&src, "203.0.113.7", 51234);
	addr_parse(&dst, "192.0.2.1", 25);
	cr_assert(greeting_make(&g, &b, 0x17a, &src, &dst, head) == 0);
	snprintf(copy, sizeof(copy), "%s", tlvs_of(g));
	free(g);
	return copy;
}

/* A head of what a proxy said and what the client said. */
static void make_head(struct head *h, uint8_t *bytes, size_t room, const char *hello, bool proxied)
{
	struct addr a;

	*h = (struct head){ .bytes = bytes };
	if (proxied) {
		addr_parse(&a, "203.0.113.7", 1);
		h->used = pp_write(PP_V2, &a, &a, bytes);
		h->used = tlv_add(bytes, h->used, room, TLV_AUTHORITY, "before", 6);
		h->used = tlv_add(bytes, h->used, room, TLV_UNIQUE_ID, "id", 2);
		h->used = tlv_add(bytes, h->used, room, TLV_SSL, "\1\0\0\0\0", 5);
		h->used = tlv_add(bytes, h->used, room, TLV_NOOP, "", 0);
		h->used = tlv_add(bytes, h->used, room, 0xe1, "own", 3);
		h->used = tlv_add_sum(bytes, h->used, room);
		h->proxied = h->used;
		cr_assert(pp_parse(bytes, h->used, &h->pp) == (int)h->used);
		h->named = true;
	}
	if (hello)
		h->used += recorded(hello, bytes + h->used, room - h->used);
}

#define ALL                                                                              \
	(PROXY_TLV_AUTHORITY | PROXY_TLV_ALPN | PROXY_TLV_UNIQUE_ID | PROXY_TLV_CRC32C | \
	 PROXY_TLV_PASSTHROUGH)

Test(greeting, tlvs)
{
	static const struct {
		unsigned wanted;
		const char *hello;
		bool proxied;
		const char *tlvs;
	} rows[] = {
		{ 0, NULL, false, "" },
		{ PROXY_TLV_UNIQUE_ID, NULL, false, "05=0000017a" },
		{ PROXY_TLV_UNIQUE_ID | PROXY_TLV_CRC32C, NULL, false, "05=0000017a 03=" },
		{ PROXY_TLV_AUTHORITY | PROXY_TLV_ALPN, NULL, false, "" },
		{ PROXY_TLV_AUTHORITY | PROXY_TLV_ALPN, "chromium-0", false,
		  "02=mail.example.org" },
		{ PROXY_TLV_AUTHORITY | PROXY_TLV_ALPN, "openssl-alpn", false,
		  "02=mail.example.org 01=acme-tls/1" },
		{ PROXY_TLV_ALPN, "openssl-alpn", false, "01=acme-tls/1" },
		{ PROXY_TLV_AUTHORITY, "openssl-nosni", false, "" },
		{ PROXY_TLV_AUTHORITY, "sslv2", false, "" },
		{ 0, "openssl-sni", true, "" },
		{ PROXY_TLV_PASSTHROUGH, "openssl-sni", true, "02=before 05=id e1=own" },
		{ PROXY_TLV_PASSTHROUGH | PROXY_TLV_AUTHORITY, "openssl-nosni", true,
		  "02=before 05=id e1=own" },
		{ ALL, "openssl-alpn", true,
		  "02=mail.example.org 01=acme-tls/1 05=0000017a e1=own 03=" },
		{ PROXY_TLV_AUTHORITY, "openssl-sni", true, "02=mail.example.org" },
	};
	static uint8_t bytes[8192];
	struct head h;

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		char label[20];

		snprintf(label, sizeof(label), "row %zu", i);
		make_head(&h, bytes, sizeof(bytes), rows[i].hello, rows[i].proxied);
		expect_str(said(rows[i].wanted, h.used ? &h : NULL), rows[i].tlvs, label);
	}
}

/* What came in may be as long as it is taken; our own is not lost for it. */
Test(greeting, the_longest)
{
	static uint8_t bytes[HEAD_PROXY_MAX], value[255];
	struct head h = { .bytes = bytes, .named = true };
	struct addr a;
	const char *text;

	memset(value, 'x', sizeof(value));
	addr_parse(&a, "2001:db8::1", 1);
	h.used = pp_write(PP_V2, &a, &a, bytes);
	for (size_t before = 0; before != h.used;) {
		before = h.used;
		h.used = tlv_add(bytes, h.used, sizeof(bytes), 0xe0, value, sizeof(value));
	}
	h.proxied = h.used;
	cr_assert(pp_parse(bytes, h.used, &h.pp) == (int)h.used);
	text = said(ALL, &h);
	expect_has(text, "05=0000017a", "our id");
	expect_has(text, " 03=", "the sum");
}

Test(greeting, versions_without_room)
{
	struct backend_conf b = { .send_proxy = PP_V1, .proxy_tlv = ALL };
	struct addr a;
	struct greeting *g;

	addr_parse(&a, "203.0.113.7", 1);
	cr_assert(greeting_make(&g, &b, 1, &a, &a, NULL) == 0);
	expect_num(memcmp(g->bytes, "PROXY TCP4 ", 11), 0, "v1");
	expect_num(g->bytes[g->len - 1], '\n', "and nothing behind it");
	free(g);
	b.send_proxy = PP_OFF;
	cr_assert(greeting_make(&g, &b, 1, &a, &a, NULL) == 0 && !g);
}
