#include "codec/opening.h"

#include <string.h>

#include "base/bits.h"

/* RFC 8446 4.1.2 and its extensions, as they stand on the wire; lengths are filled in below. */
/* clang-format off */
static const uint8_t suites[] = {
	0x13, 0x01, 0x13, 0x02, 0x13, 0x03, /* TLS 1.3: AES-128-GCM, AES-256-GCM, ChaCha20 */
	0xc0, 0x2b, 0xc0, 0x2f, 0xc0, 0x2c, 0xc0, 0x30, 0xcc, 0xa9, 0xcc, 0xa8, /* ECDHE */
	0xc0, 0x09, 0xc0, 0x13, 0xc0, 0x0a, 0xc0, 0x14, 0x00, 0x9c, 0x00, 0x9d, 0x00, 0x2f, 0x00,
	0x35, /* older servers */
};
static const uint8_t extensions[] = {
	0x00, 0x0a, 0, 8,  0, 6,  0x00, 0x1d, 0x00, 0x17, 0x00, 0x18, /* groups: x25519, P-256, P-384 */
	0x00, 0x0b, 0, 2,  1, 0, /* uncompressed points */
	0x00, 0x0d, 0, 20, 0, 18, 0x04, 0x03, 0x08, 0x07, 0x08, 0x04, 0x04, 0x01, 0x05, 0x03, 0x08,
	0x05, 0x05, 0x01, 0x08, 0x06, 0x06, 0x01, /* signatures: ECDSA, Ed25519, RSA */
	0x00, 0x17, 0, 0, /* extended master secret */
	0xff, 0x01, 0, 1,  0, /* no renegotiation */
	0x00, 0x2b, 0, 5,  4, 0x03, 0x04, 0x03, 0x03, /* TLS 1.3 and 1.2 */
	0x00, 0x33, 0, 38, 0, 36, 0x00, 0x1d, 0, 32, /* a key share of x25519: its bytes follow */
};
/* clang-format on */

enum { RANDOM = 32, SHARE = 32, RECORD = 5, HANDSHAKE = 4 };

/* Without a close the answer of a server with keep-alive would leave it waiting for the next request. */
static const char head[] = "HEAD / HTTP/1.1\r\nHost: localhost\r\nUser-Agent: tailsplice\r\n"
			   "Connection: close\r\n\r\n";

static uint8_t *put16(uint8_t *p, size_t n)
{
	p[0] = (uint8_t)(n >> 8);
	p[1] = (uint8_t)n;
	return p + 2;
}

static uint8_t *put(uint8_t *p, const void *bytes, size_t n)
{
	memcpy(p, bytes, n);
	return p + n;
}

static size_t write_client_hello(const uint8_t *random, uint8_t *out)
{
	uint8_t *p = out + RECORD + HANDSHAKE;
	size_t len;

	p = put16(p, 0x0303);
	p = put(p, random, RANDOM);
	*p++ = 0; /* no session */
	p = put16(p, sizeof(suites));
	p = put(p, suites, sizeof(suites));
	p = put(p, "\x01\x00", 2); /* no compression */
	p = put16(p, sizeof(extensions) + SHARE);
	p = put(p, extensions, sizeof(extensions));
	p = put(p, random + RANDOM, SHARE);

	len = (size_t)(p - out);
	put(out, "\x16\x03\x01", 3);
	put16(out + 3, len - RECORD);
	put(out + RECORD, "\x01\x00", 2);
	put16(out + RECORD + 2, len - RECORD - HANDSHAKE);
	return len;
}

_Static_assert(RECORD + HANDSHAKE + 2 + RANDOM + 1 + 2 + sizeof(suites) + 2 + 2 +
			       sizeof(extensions) + SHARE <=
		       OPENING_MAX,
	       "raise OPENING_MAX");
_Static_assert(RANDOM + SHARE == OPENING_RANDOM, "random bytes are for those two");

size_t opening_write(enum speech s, const uint8_t random[static OPENING_RANDOM],
		     uint8_t out[static OPENING_MAX])
{
	if (s == SPEECH_TLS)
		return write_client_hello(random, out);
	if (s != SPEECH_HTTP)
		return 0;
	memcpy(out, head, sizeof(head) - 1);
	return sizeof(head) - 1;
}
