/* hello - what a TLS ClientHello says before anything is encrypted: the server's name and the
 * application protocols. Sources: RFC 8446 4.1.2 and 5.1 (records), RFC 6066 3 (server_name), RFC 7301 (ALPN).
 * With Encrypted ClientHello the name is that of the outer hello, the public one.
 * Pure: no descriptor, no allocation, no log. */
#ifndef TAILSPLICE_CODEC_HELLO_H
#define TAILSPLICE_CODEC_HELLO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The longest message that is read, without the headers of its records. Post-quantum key shares make about 1800. */
#define HELLO_MAX 16384

#define HELLO_NAME_MAX 256
#define HELLO_ALPN_MAX 256

struct hello {
	char name[HELLO_NAME_MAX]; /* in lower case, without a final dot; "": none that could be one */
	uint8_t alpn[HELLO_ALPN_MAX]; /* each name behind its length, in the client's order; the first that fit */
	size_t alpn_len;
};

/* > 0: bytes of the records that the ClientHello ends in, *out is filled; 0: cannot tell yet; < 0: -EPROTO,
 * these bytes never become one. */
int hello_parse(const uint8_t *p, size_t n, struct hello *out);

/* The same of the first record's header and the type of what is in it: 6 bytes, and no more are asked for. */
int hello_begins(const uint8_t *p, size_t n);

/* True when the client offers that protocol, byte for byte. */
bool hello_offers(const struct hello *h, const char *protocol);

/* The one protocol the client offers; NULL: none, or a choice that is the server's. Points into *h. */
const uint8_t *hello_only_protocol(const struct hello *h, size_t *len);

#endif
