/* TLVs of a PROXY v2 header, byte by byte. */
#include "codec/tlv.h"

#include <errno.h>

#include "base/bits.h"
#include "check.h"
#include "codec/crc32c.h"
#include "codec/pp.h"

#define PLAIN "\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xc0\x00\x02\x01\xc6\x33\x64\x02\xc8\x22\0\x19"

Test(tlv, the_sum_of_known_bytes)
{
	static const uint8_t zeros[32], ones[32] = { [0 ... 31] = 0xff };

	/* RFC 3720 B.4 */
	expect_num(crc32c(0, zeros, 32), 0x8a9136aa, "zeros");
	expect_num(crc32c(0, ones, 32), 0x62a8ab43, "ones");
	expect_num(crc32c(0, "123456789", 9), 0xe3069283, "digits");
	expect_num(crc32c(crc32c(0, "1234", 4), "56789", 5), 0xe3069283, "in two pieces");
}

Test(tlv, golden_bytes)
{
	static const char wanted[] =
		"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x31\xc0\x00\x02\x01\xc6\x33\x64\x02\xc8\x22\0\x19"
		"\x02\0\x10mail.example.org"
		"\x05\0\x08"
		"0000017a"
		"\x03\0\x04";
	uint8_t out[100] = PLAIN;
	size_t n = sizeof(PLAIN) - 1;
	uint8_t zeroed[100];
	uint32_t sum;
	struct pp pp;

	n = tlv_add(out, n, sizeof(out), TLV_AUTHORITY, "mail.example.org", 16);
	n = tlv_add(out, n, sizeof(out), TLV_UNIQUE_ID, "0000017a", 8);
	n = tlv_add_sum(out, n, sizeof(out));
	expect_num(n, sizeof(wanted) - 1 + 4, "length");
	cr_expect(memcmp(out, wanted, sizeof(wanted) - 1) == 0, "bytes");
	memcpy(zeroed, out, n);
	memset(zeroed + n - 4, 0, 4);
	sum = crc32c(0, zeroed, n);
	cr_expect(out[n - 4] == sum >> 24 && out[n - 1] == (sum & 0xff), "in network byte order");
	expect_num(pp_parse(out, n, &pp), n, "read again");
	expect_num(pp.tlvs, sizeof(PLAIN) - 1, "where");
	expect_num(pp.tlvs_len, n - pp.tlvs, "how many bytes");
	for (size_t i = 16; i < n; i++) {
		if (i == n - 7) /* the type of the sum itself: then there is none */
			continue;
		out[i] ^= 0x10;
		cr_expect(pp_parse(out, n, &pp) != (int)n, "byte %zu changed", i);
		out[i] ^= 0x10;
	}
}

Test(tlv, no_room)
{
	uint8_t out[64] = PLAIN;
	size_t n = sizeof(PLAIN) - 1;

	expect_num(tlv_add(out, n, n + 3 + 4, TLV_NETNS, "edges", 5), n, "five where four fit");
	cr_expect(memcmp(out, PLAIN, n) == 0 && out[n] == 0, "nothing was written");
	expect_num(tlv_add(out, n, n + 3 + 5, TLV_NETNS, "edges", 5), n + 8, "as many as fit");
	expect_num(tlv_add_sum(out, n + 8, n + 8), n + 8, "no room for a sum");
}

Test(tlv, read)
{
	static const uint8_t bytes[] = "\x04\0\0\x05\0\x02"
				       "ab\xe0\0\x01x";
	struct tlv t;
	size_t at = 0, n = sizeof(bytes) - 1;

	cr_assert(tlv_next(bytes, n, &at, &t));
	cr_expect(t.type == TLV_NOOP && t.len == 0);
	cr_assert(tlv_next(bytes, n, &at, &t));
	cr_expect(t.type == TLV_UNIQUE_ID && t.len == 2 && memcmp(t.value, "ab", 2) == 0);
	cr_assert(tlv_next(bytes, n, &at, &t));
	cr_expect(t.type == 0xe0 && t.len == 1);
	cr_expect(!tlv_next(bytes, n, &at, &t) && at == n);
	cr_expect(tlv_valid(bytes, n) && tlv_valid(bytes, 0) && tlv_valid(bytes, 3));
	for (size_t cut = 4; cut < n; cut++)
		cr_expect(tlv_valid(bytes, cut) == (cut == 8), "%zu", cut);
}

Test(tlv, headers_that_are_wrong_behind_their_addresses)
{
	static const struct {
		const char *label, *bytes;
		size_t n;
	} rows[] = {
#define ROW(label, length, more)                                          \
	{ label,                                                          \
	  "\r\n\r\n\0\r\nQUIT\n\x21\x11\0" length                         \
	  "\xc0\x00\x02\x01\xc6\x33\x64\x02\xc8\x22\0\x19" more,          \
	  sizeof("\r\n\r\n\0\r\nQUIT\n\x21\x11\0" length                  \
		 "\xc0\x00\x02\x01\xc6\x33\x64\x02\xc8\x22\0\x19" more) - \
		  1 }
		ROW("a byte", "\x0d", "\x05"),
		ROW("two bytes", "\x0e", "\x05\0"),
		ROW("longer than it is", "\x10", "\x05\0\x02x"),
		ROW("a sum of three bytes", "\x12", "\x03\0\x03xyz"),
		ROW("a wrong sum", "\x13", "\x03\0\x04wxyz"),
	};
	struct pp pp;

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		expect_num(pp_parse((const uint8_t *)rows[i].bytes, rows[i].n, &pp), -EPROTO,
			   rows[i].label);
		expect_num(pp_parse((const uint8_t *)rows[i].bytes, rows[i].n - 1, &pp), 0,
			   rows[i].label);
	}
}

Test(tlv, how_a_header_begins)
{
	static const struct {
		const char *text;
		size_t n;
		int verdict;
	} rows[] = {
		{ "", 0, 0 },		{ "P", 1, 0 },
		{ "PROXY", 5, 0 },	{ "PROXY ", 6, 6 },
		{ "PROXY T", 7, 6 },	{ "PROPFIND", 8, -EPROTO },
		{ "\r\n\r\n", 4, 0 },	{ "\r\n\r\nG", 5, -EPROTO },
		{ PLAIN, 11, 0 },	{ PLAIN, 12, 12 },
		{ "EHLO", 4, -EPROTO }, { "\x16", 1, -EPROTO },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		expect_num(pp_begins((const uint8_t *)rows[i].text, rows[i].n), rows[i].verdict,
			   rows[i].text);
}
