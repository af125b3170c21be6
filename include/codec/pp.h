/* pp - the PROXY protocol, versions 1 and 2, written and read.
 * Source: "The PROXY protocol", HAProxy's doc/proxy-protocol.txt (2020-03-05).
 * Pure: no descriptor, no allocation, no log. */
#ifndef TAILSPLICE_CODEC_PP_H
#define TAILSPLICE_CODEC_PP_H

#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/bits.h"

enum pp_version { PP_OFF, PP_V1, PP_V2 };

/* The longest header we write: version 1 with two IPv6 addresses (section 2.1: 107 without its NUL). */
#define PP_WRITE_MAX 107

/* The longest header we read: version 1 as above; version 2: 16 bytes and what its length says. */
#define PP_V2_PREFIX 16

struct pp {
	enum pp_version version;
	int local;	       /* v2 LOCAL or v1 UNKNOWN: no address is claimed */
	struct addr src, dst;  /* AF_UNSPEC when local, or when the family is not IP */
	size_t tlvs, tlvs_len; /* v2: where its TLVs stand in the bytes; they are well-formed */
};

/* Writes the header that says "src connected to dst". IPv4-mapped addresses are written as
 * IPv4; if then only one of the two is IPv4, it is written as a mapped one, since a header
 * has one family. Never UNSPEC or UNKNOWN: some servers refuse those with PROXY (Postfix).
 * Both must be AF_INET or AF_INET6. Returns the bytes written, 0 for PP_OFF. */
size_t pp_write(enum pp_version version, const struct addr *src, const struct addr *dst,
		uint8_t out[static PP_WRITE_MAX]);

/* Writes the v2 header that claims nothing: LOCAL, no family, no address block. What checks send: the
 * connection is the proxy's own (section 2.2). */
void pp_write_local(uint8_t out[static PP_V2_PREFIX]);
/* > 0: the bytes begin as one of either version; 0: cannot tell yet; < 0: -EPROTO, they never do. */
int pp_begins(const uint8_t *p, size_t n);

/* > 0: bytes the header at p occupies, *out is filled; 0: cannot tell yet, more bytes are
 * needed; < 0: -EPROTO, these bytes never become a PROXY header, or its sum (CRC32C) is wrong. */
int pp_parse(const uint8_t *p, size_t n, struct pp *out);

#endif
