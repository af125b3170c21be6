/* opening - what a client says first where the client begins: enough that a server answers, and nothing more.
 * Pure: no descriptor, no allocation, no log. */
#ifndef TAILSPLICE_CODEC_OPENING_H
#define TAILSPLICE_CODEC_OPENING_H

#include <stddef.h>
#include <stdint.h>

#include "codec/banner.h"

/* Room for any of them. */
#define OPENING_MAX 512

#define OPENING_RANDOM 64

/* SPEECH_TLS: a ClientHello for TLS 1.2 and 1.3 without a server name (RFC 8446 4.1.2), whose random bytes and key
 * share are `random`. It is for asking whether a server answers: nothing can be agreed on, for nobody knows the
 * private key. SPEECH_HTTP: a HEAD of / (RFC 9112). Others: nothing, the server speaks first.
 * Returns the bytes written. */
size_t opening_write(enum speech s, const uint8_t random[static OPENING_RANDOM],
		     uint8_t out[static OPENING_MAX]);

#endif
