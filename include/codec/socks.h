/* socks - SOCKS version 5 as a client speaks it: what it sends, and what it is answered.
 * Source: RFC 1928, and RFC 1929 for a user with a password.
 * Pure: no descriptor, no allocation, no log. */
#ifndef TAILSPLICE_CODEC_SOCKS_H
#define TAILSPLICE_CODEC_SOCKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"

/* The longest message we send: user and password (RFC 1929 2). */
#define SOCKS_WRITE_MAX 513

/* The longest answer: a reply with a name in it (RFC 1928 6). */
#define SOCKS_READ_MAX 262

/* Of a name, a user, a password. */
#define SOCKS_TEXT_MAX 255

enum socks_method { SOCKS_METHOD_NONE = 0, SOCKS_METHOD_PASSWORD = 2 };

/* Each returns the bytes written. `password`: the method is offered as well. */
size_t socks_write_greeting(bool password, uint8_t out[static SOCKS_WRITE_MAX]);
size_t socks_write_password(const char *user, const char *password,
			    uint8_t out[static SOCKS_WRITE_MAX]);

/* CONNECT to that name, of at most SOCKS_TEXT_MAX bytes, which the proxy resolves; NULL: to the
 * address of `to`. The port is that of `to` in both cases. */
size_t socks_write_connect(const char *name, const struct addr *to,
			   uint8_t out[static SOCKS_WRITE_MAX]);

/* Answers. > 0: bytes it occupies, and it is good; 0: not whole yet, and *missing bytes may be read
 * without reaching past its end (the server's first words may follow at once); < 0: negative errno:
 * -EPROTO is no answer of a SOCKS server, anything else is what it says of the connection. */
int socks_read_method(const uint8_t *p, size_t n, bool password, enum socks_method *out,
		      size_t *missing);
int socks_read_password(const uint8_t *p, size_t n, size_t *missing);
int socks_read_connect(const uint8_t *p, size_t n, size_t *missing);

#endif
