/* What is said first where the client begins. That servers understand it is tested on real ones (tests/e2e/test_probe.py). */
#include "codec/opening.h"

#include "check.h"

static size_t be16(const uint8_t *p)
{
	return (size_t)p[0] << 8 | p[1];
}

/* Lengths within lengths: each must end where what it encloses ends. */
Test(opening, a_client_hello_adds_up)
{
	uint8_t random[OPENING_RANDOM], out[OPENING_MAX];
	size_t n, at;
	int seen_share = 0;

	for (size_t i = 0; i < sizeof(random); i++)
		random[i] = (uint8_t)(0x80 + i);
	n = opening_write(SPEECH_TLS, random, out);
	cr_assert(n > 100 && n <= sizeof(out));
	expect_num(out[0], 0x16, "a handshake record");
	expect_num(be16(out + 3), n - 5, "the record");
	expect_num(out[5], 1, "a ClientHello");
	expect_num(be16(out + 7), n - 9, "the message");
	cr_expect(memcmp(out + 11, random, 32) == 0, "its random");
	at = 43 + 1;
	at += 2 + be16(out + at);
	at += 1 + out[at];
	expect_num(be16(out + at), n - at - 2, "all extensions");
	for (at += 2; at + 4 <= n; at += 4 + be16(out + at + 2)) {
		if (be16(out + at) != 51)
			continue;
		seen_share = 1;
		expect_num(be16(out + at + 2), 38, "the key share's extension");
		cr_expect(memcmp(out + at + 10, random + 32, 32) == 0, "its bytes");
	}
	expect_num(at, n, "the last extension ends with the message");
	cr_expect(seen_share);
}

Test(opening, others)
{
	uint8_t random[OPENING_RANDOM] = { 0 }, out[OPENING_MAX] = { 0 };

	expect_num(opening_write(SPEECH_SMTP, random, out), 0, "SMTP: the server speaks first");
	expect_num(opening_write(SPEECH_NONE, random, out), 0, "unknown");
	cr_expect(opening_write(SPEECH_HTTP, random, out) > 0);
	cr_expect(memcmp(out, "HEAD / HTTP/1.1\r\n", 17) == 0);
}
