/* tlv - what a PROXY v2 header says behind its addresses: type, length, value, again and again.
 * Source: "The PROXY protocol", HAProxy's doc/proxy-protocol.txt (2020-03-05), 2.2.
 * Pure: no descriptor, no allocation, no log. */
#ifndef TAILSPLICE_CODEC_TLV_H
#define TAILSPLICE_CODEC_TLV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum tlv_type {
	TLV_ALPN = 0x01,
	TLV_AUTHORITY = 0x02,
	TLV_CRC32C = 0x03,
	TLV_NOOP = 0x04,
	TLV_UNIQUE_ID = 0x05, /* at most 128 bytes */
	TLV_SSL = 0x20,
	TLV_NETNS = 0x30,
};

#define TLV_HEADER	  3
#define TLV_UNIQUE_ID_MAX 128

struct tlv {
	uint8_t type;
	const uint8_t *value; /* within the bytes it was read from */
	size_t len;
};

/* The one at *at, which moves behind it. False at the end, and where one says it is longer than what is there:
 * then *at is not `n`. */
bool tlv_next(const uint8_t *p, size_t n, size_t *at, struct tlv *out);

/* True when the bytes are nothing but TLVs. */
bool tlv_valid(const uint8_t *p, size_t n);

/* Appends one to a whole v2 header of `len` bytes, and says so in its length. The new length; the old one, and nothing
 * written, when it would become longer than `room` or than a header can say. */
size_t tlv_add(uint8_t *header, size_t len, size_t room, enum tlv_type type, const void *value,
	       size_t n);

/* The last of all: the sum over the header with itself as 0 (2.2.4). As tlv_add(). */
size_t tlv_add_sum(uint8_t *header, size_t len, size_t room);

/* False when there is a sum and it is wrong. `at` and n: where the TLVs stand in the header of `len` bytes. */
bool tlv_sum_holds(const uint8_t *header, size_t len, size_t at, size_t n);

#endif
