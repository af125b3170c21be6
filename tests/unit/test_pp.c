/* The PROXY protocol, byte by byte. Expected bytes were written by hand from its specification. */
#include "codec/pp.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "check.h"

#define SIGNATURE "\r\n\r\n\0\r\nQUIT\n"
/* A header with its length, since it may hold NUL bytes. */
#define BYTES(text) text, sizeof(text) - 1

#define V4_A   "\xc0\x00\x02\x01"
#define V4_B   "\xc6\x33\x64\x02"
#define V6_A   "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01"
#define V6_B   "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x02"
#define MAPPED "\0\0\0\0\0\0\0\0\0\0\xff\xff"
/* 51234 and 25 */
#define PORTS "\xc8\x22\0\x19"

static const struct written {
	enum pp_version version;
	const char *src, *dst;
	const char *bytes;
	size_t len;
} written[] = {
	{ PP_V1, "192.0.2.1", "198.51.100.2",
	  BYTES("PROXY TCP4 192.0.2.1 198.51.100.2 51234 25\r\n") },
	{ PP_V1, "2001:db8::1", "2001:db8::2",
	  BYTES("PROXY TCP6 2001:db8::1 2001:db8::2 51234 25\r\n") },
	{ PP_V1, "::ffff:192.0.2.1", "::ffff:198.51.100.2",
	  BYTES("PROXY TCP4 192.0.2.1 198.51.100.2 51234 25\r\n") },
	{ PP_V1, "::ffff:192.0.2.1", "198.51.100.2",
	  BYTES("PROXY TCP4 192.0.2.1 198.51.100.2 51234 25\r\n") },
	{ PP_V1, "192.0.2.1", "2001:db8::2",
	  BYTES("PROXY TCP6 ::ffff:192.0.2.1 2001:db8::2 51234 25\r\n") },
	{ PP_V1, "2001:db8::1", "::ffff:198.51.100.2",
	  BYTES("PROXY TCP6 2001:db8::1 ::ffff:198.51.100.2 51234 25\r\n") },
	{ PP_V2, "192.0.2.1", "198.51.100.2", BYTES(SIGNATURE "\x21\x11\0\x0c" V4_A V4_B PORTS) },
	{ PP_V2, "2001:db8::1", "2001:db8::2", BYTES(SIGNATURE "\x21\x21\0\x24" V6_A V6_B PORTS) },
	{ PP_V2, "::ffff:192.0.2.1", "::ffff:198.51.100.2",
	  BYTES(SIGNATURE "\x21\x11\0\x0c" V4_A V4_B PORTS) },
	{ PP_V2, "192.0.2.1", "::ffff:198.51.100.2",
	  BYTES(SIGNATURE "\x21\x11\0\x0c" V4_A V4_B PORTS) },
	{ PP_V2, "192.0.2.1", "2001:db8::2",
	  BYTES(SIGNATURE "\x21\x21\0\x24" MAPPED V4_A V6_B PORTS) },
	{ PP_V2, "2001:db8::1", "198.51.100.2",
	  BYTES(SIGNATURE "\x21\x21\0\x24" V6_A MAPPED V4_B PORTS) },
};

static struct addr read_addr(const char *text, uint16_t port)
{
	struct addr a = { 0 };

	cr_assert(addr_parse(&a, text, port), "%s", text);
	return a;
}

Test(pp, golden_bytes)
{
	uint8_t out[PP_WRITE_MAX];

	for (size_t i = 0; i < ARRAY_LEN(written); i++) {
		const struct written *w = &written[i];
		struct addr src = read_addr(w->src, 51234), dst = read_addr(w->dst, 25);
		size_t n = pp_write(w->version, &src, &dst, out);

		cr_expect(n == w->len && memcmp(out, w->bytes, n) == 0, "v%d %s to %s: %zu bytes",
			  w->version, w->src, w->dst, n);
	}
}

Test(pp, off_writes_nothing)
{
	struct addr a = read_addr("192.0.2.1", 25);
	uint8_t out[PP_WRITE_MAX];

	expect_num(pp_write(PP_OFF, &a, &a, out), 0, "off");
}

Test(pp, the_longest_header_fits)
{
	struct addr a = read_addr("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", 65535);
	uint8_t out[PP_WRITE_MAX];
	struct pp pp;
	size_t n = pp_write(PP_V1, &a, &a, out);

	expect_num(n, 104, "PROXY TCP6, two addresses of 39, two ports of 5");
	expect_num(pp_parse(out, n, &pp), n, "read again");
}

/* Headers that others send, and what they say. `src` NULL: no address. */
static const struct {
	const char *bytes;
	size_t len;
	enum pp_version version;
	int local;
	const char *src, *dst;
} valid[] = {
	{ BYTES("PROXY UNKNOWN\r\n"), PP_V1, 1, NULL, NULL },
	{ BYTES("PROXY UNKNOWN and what follows is ignored\r\n"), PP_V1, 1, NULL, NULL },
	{ BYTES("PROXY UNKNOWN ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff "
		"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535\r\n"),
	  PP_V1, 1, NULL, NULL },
	{ BYTES("PROXY TCP4 192.0.2.1 198.51.100.2 0 65535\r\n"), PP_V1, 0, "192.0.2.1:0",
	  "198.51.100.2:65535" },
	{ BYTES("PROXY TCP6 2001:db8:0:0::1 ::ffff:198.51.100.2 1 2\r\n"), PP_V1, 0,
	  "[2001:db8::1]:1", "[::ffff:198.51.100.2]:2" },
	{ BYTES(SIGNATURE "\x20\x00\0\0"), PP_V2, 1, NULL, NULL },
	{ BYTES(SIGNATURE "\x20\x11\0\x0c" V4_A V4_B PORTS), PP_V2, 1, NULL, NULL },
	{ BYTES(SIGNATURE "\x20\x11\0\x03xyz"), PP_V2, 1, NULL, NULL },
	{ BYTES(SIGNATURE "\x21\x00\0\0"), PP_V2, 0, NULL, NULL },
	{ BYTES(SIGNATURE "\x21\x00\0\x04tlvs"), PP_V2, 0, NULL, NULL },
	{ BYTES(SIGNATURE "\x21\x12\0\x0c" V4_A V4_B PORTS), PP_V2, 0, NULL, NULL },
	{ BYTES(SIGNATURE "\x21\x11\0\x0c" V4_A V4_B PORTS), PP_V2, 0, "192.0.2.1:51234",
	  "198.51.100.2:25" },
	{ BYTES(SIGNATURE "\x21\x11\0\x12" V4_A V4_B PORTS "\xea\0\x03"
			  "abc"),
	  PP_V2, 0, "192.0.2.1:51234", "198.51.100.2:25" },
	{ BYTES(SIGNATURE "\x21\x21\0\x27" V6_A V6_B PORTS "\x04\0\0"), PP_V2, 0,
	  "[2001:db8::1]:51234", "[2001:db8::2]:25" },
};

static void expect_addr(const struct addr *a, const char *wanted, const char *label)
{
	char text[ADDR_TEXT];

	expect_str(addr_format(a, text), wanted ? wanted : "-", label);
}

Test(pp, what_others_send)
{
	struct pp pp;

	for (size_t i = 0; i < ARRAY_LEN(valid); i++) {
		char label[32];

		snprintf(label, sizeof(label), "row %zu", i);
		expect_num(pp_parse((const uint8_t *)valid[i].bytes, valid[i].len, &pp),
			   valid[i].len, label);
		expect_num(pp.version, valid[i].version, label);
		expect_num(pp.local, valid[i].local, label);
		expect_addr(&pp.src, valid[i].src, label);
		expect_addr(&pp.dst, valid[i].dst, label);
	}
}

Test(pp, unix_addresses_are_skipped)
{
	uint8_t bytes[PP_V2_PREFIX + 216] = SIGNATURE "\x21\x31\0\xd8/run/client.sock";
	struct pp pp;

	expect_num(pp_parse(bytes, sizeof(bytes) - 1, &pp), 0, "not all");
	expect_num(pp_parse(bytes, sizeof(bytes), &pp), sizeof(bytes), "all");
	expect_addr(&pp.src, NULL, "no IP address");
}

/* In memory of exactly its size, so that the address sanitizer sees a read beyond it. */
static int parse_exact(const char *bytes, size_t n)
{
	uint8_t *copy = malloc(n ? n : 1);
	struct pp pp;
	int result;

	memcpy(copy, bytes, n);
	result = pp_parse(copy, n, &pp);
	free(copy);
	return result;
}

static void check_prefixes(const char *bytes, size_t len, const char *what, size_t row)
{
	char more[400];

	for (size_t n = 0; n < len; n++)
		cr_expect(parse_exact(bytes, n) == 0, "%s %zu: %zu of %zu bytes", what, row, n,
			  len);
	memcpy(more, bytes, len);
	for (size_t n = len; n < len + 20; n++)
		more[n] = '\n';
	cr_expect(parse_exact(more, len + 20) == (int)len, "%s %zu: more follows", what, row);
}

Test(pp, a_part_is_never_taken_for_the_whole)
{
	for (size_t i = 0; i < ARRAY_LEN(written); i++)
		check_prefixes(written[i].bytes, written[i].len, "written", i);
	for (size_t i = 0; i < ARRAY_LEN(valid); i++)
		check_prefixes(valid[i].bytes, valid[i].len, "valid", i);
}

static const struct {
	const char *bytes;
	size_t len;
} malformed[] = {
	{ BYTES("GET / HTTP/1.1\r\n") },
	{ BYTES("EHLO mail\r\n") },
	{ BYTES("\x16\x03\x01") },
	{ BYTES("\0") },
	{ BYTES("proxy TCP4 192.0.2.1 198.51.100.2 1 2\r\n") },
	{ BYTES("PROXYTCP4") },
	{ BYTES("PROXY\t") },
	{ BYTES("PROXY \r\n") },
	{ BYTES("PROXY UNKNOWNS\r\n") },
	{ BYTES("PROXY UNKNOWN\n") },
	{ BYTES("PROXY TCP5 192.0.2.1 198.51.100.2 1 2\r\n") },
	{ BYTES("PROXY TCP 192.0.2.1 198.51.100.2 1 2\r\n") },
	{ BYTES("PROXY TCP4 192.0.2.1 198.51.100.2 1 2\n") },
	{ BYTES("PROXY TCP4 192.0.2.1 198.51.100.2 1 22\n") },
	{ BYTES("PROXY UNKNOWN x\n") },
	{ BYTES("PROXY TCP4  192.0.2.1 198.51.100.2 1 2\r\n") },
	{ BYTES("PROXY  TCP4 192.0.2.1 198.51.100.2 1 2\r\n") },
	{ BYTES("PROXY TCP4 192.0.2.1 198.51.100.2 1 2 \r\n") },
	{ BYTES("PROXY TCP4 192.0.2.1 198.51.100.2 1 2 3\r\n") },
	{ BYTES("PROXY TCP4 192.0.2.1 198.51.100.2 1\r\n") },
	{ BYTES("PROXY TCP4 192.0.2.1 198.51.100.2\r\n") },
	{ BYTES("PROXY TCP4\r\n") },
	{ BYTES("PROXY TCP4 2001:db8::1 2001:db8::2 1 2\r\n") },
	{ BYTES("PROXY TCP6 192.0.2.1 198.51.100.2 1 2\r\n") },
	{ BYTES("PROXY TCP6 [2001:db8::1] 2001:db8::2 1 2\r\n") },
	{ BYTES("PROXY TCP6 fe80::1%lo 2001:db8::2 1 2\r\n") },
	{ BYTES("PROXY TCP4 192.0.2.256 198.51.100.2 1 2\r\n") },
	{ BYTES("PROXY TCP4 192.0.2.01 198.51.100.2 1 2\r\n") },
	{ BYTES("PROXY TCP4 192.0.2.1 198.51.100.2 65536 2\r\n") },
	{ BYTES("PROXY TCP4 192.0.2.1 198.51.100.2 1 99999999999999999999\r\n") },
	{ BYTES("PROXY TCP4 192.0.2.1 198.51.100.2 -1 2\r\n") },
	{ BYTES("PROXY TCP4 192.0.2.1 198.51.100.2 +1 2\r\n") },
	{ BYTES("PROXY TCP4 192.0.2.1 198.51.100.2 01 2\r\n") },
	{ BYTES("PROXY TCP4 192.0.2.1 198.51.100.2 1 2x\r\n") },
	{ BYTES("PROXY TCP4 192.0.2.1 198.51.100.2 0x1 2\r\n") },
	{ BYTES("PROXY TCP4 192.0.2.1 198.51.100.2 1 \r\n") },
	{ BYTES("PROXY TCP4 192.0.2.1 198.51.100.2 1 2\r\r\n") },
	{ BYTES("PROXY TCP4 192.0.2.1\0 198.51.100.2 1 2\r\n") },
	{ BYTES("PROXY UNKNOWN\0\r\n") },
	{ BYTES("\r\n\r\n\0\r\nQUIX") },
	{ BYTES("\r\n\r\r") },
	{ BYTES(SIGNATURE "\x11") },
	{ BYTES(SIGNATURE "\x22") },
	{ BYTES(SIGNATURE "\x2f\x11\0\x0c" V4_A V4_B PORTS) },
	{ BYTES(SIGNATURE "\x31\x11\0\x0c" V4_A V4_B PORTS) },
	{ BYTES(SIGNATURE "\x01\x11\0\x0c" V4_A V4_B PORTS) },
	{ BYTES(SIGNATURE "\x21\x11\0\x0b" V4_A V4_B "\xc8\x22\0") },
	{ BYTES(SIGNATURE "\x21\x11\0\0") },
	{ BYTES(SIGNATURE "\x21\x21\0\x23" V6_A V6_B "\xc8\x22\0") },
	{ BYTES(SIGNATURE "\x21\x21\0\x0c" V4_A V4_B PORTS) },
};

Test(pp, malformed)
{
	for (size_t i = 0; i < ARRAY_LEN(malformed); i++)
		cr_expect(parse_exact(malformed[i].bytes, malformed[i].len) == -EPROTO,
			  "row %zu: %.*s", i, (int)malformed[i].len, malformed[i].bytes);
}

Test(pp, a_wrong_first_line_is_refused_at_its_first_wrong_byte)
{
	static const char good[] = "PROXY ", binary[] = SIGNATURE;
	char bytes[16];

	for (size_t i = 0; i < sizeof(good) - 1; i++) {
		memcpy(bytes, good, sizeof(good) - 1);
		bytes[i] ^= 1;
		cr_expect(parse_exact(bytes, i + 1) == -EPROTO, "v1, byte %zu", i);
	}
	for (size_t i = 1; i < sizeof(binary) - 1; i++) {
		memcpy(bytes, binary, sizeof(binary) - 1);
		bytes[i] ^= 1;
		cr_expect(parse_exact(bytes, i + 1) == -EPROTO, "v2, byte %zu", i);
	}
}

/* Section 2.1: 107 characters with the line's end are the most. */
Test(pp, a_line_is_at_most_107_characters)
{
	char bytes[200] = "PROXY UNKNOWN ";

	memset(bytes + 14, 'x', sizeof(bytes) - 14);
	for (size_t len = 100; len < 120; len++) {
		memcpy(bytes + len - 2, "\r\n", 2);
		expect_num(parse_exact(bytes, len), len <= 107 ? (int)len : -EPROTO, "its end");
		memset(bytes + len - 2, 'x', 2);
		expect_num(parse_exact(bytes, len), len < 107 ? 0 : -EPROTO, "no end yet");
	}
}

/* A length that says more than there is waits, up to the most it can say. */
Test(pp, the_longest_v2)
{
	static char bytes[PP_V2_PREFIX + 65535] = SIGNATURE "\x21\x11\xff\xff" V4_A V4_B PORTS;
	struct pp pp;

	expect_num(parse_exact(bytes, 28), 0, "the addresses only");
	expect_num(parse_exact(bytes, sizeof(bytes) - 1), 0, "one byte less");
	expect_num(pp_parse((const uint8_t *)bytes, sizeof(bytes), &pp), sizeof(bytes), "whole");
	expect_addr(&pp.src, "192.0.2.1:51234", "whole");
}

static struct addr random_addr(unsigned *seed)
{
	struct addr a = { .v4.sin_family = AF_INET };
	int kind = rand_r(seed) % 3;

	if (kind)
		a.v6 = (struct sockaddr_in6){ .sin6_family = AF_INET6 };
	for (size_t i = 0; kind && i < 16; i++)
		a.v6.sin6_addr.s6_addr[i] = (uint8_t)rand_r(seed);
	if (kind == 1)
		memcpy(&a.v6.sin6_addr, MAPPED, 12);
	if (!kind)
		a.v4.sin_addr.s_addr = (in_addr_t)rand_r(seed);
	addr_set_port(&a, (uint16_t)rand_r(seed));
	return a;
}

Test(pp, what_is_written_is_read_as_it_was)
{
	uint8_t out[PP_WRITE_MAX];
	unsigned seed = 7;
	struct pp pp;

	for (int i = 0; i < 5000; i++) {
		enum pp_version version = i % 2 ? PP_V1 : PP_V2;
		struct addr src = random_addr(&seed), dst = random_addr(&seed);
		size_t n = pp_write(version, &src, &dst, out);

		cr_assert(pp_parse(out, n, &pp) == (int)n, "round %d", i);
		cr_assert(pp.version == version && !pp.local, "round %d", i);
		cr_assert(pp.src.sa.sa_family != AF_UNSPEC, "round %d", i);
		cr_assert(pp.src.sa.sa_family == pp.dst.sa.sa_family, "round %d", i);
		addr_fold(&src);
		addr_fold(&dst);
		addr_fold(&pp.src);
		addr_fold(&pp.dst);
		cr_assert(addr_equal(&src, &pp.src) && addr_equal(&dst, &pp.dst), "round %d", i);
	}
}
