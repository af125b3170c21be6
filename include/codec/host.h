/* host - what the head of an HTTP/1 request says about where it wants to go: the host and the path.
 * Sources: RFC 9112 (2.1, 3, 5), RFC 9110 7.2 (Host). HTTP/2 without TLS is none.
 * Pure: no descriptor, no allocation, no log. */
#ifndef TAILSPLICE_CODEC_HOST_H
#define TAILSPLICE_CODEC_HOST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HOST_NAME_TEXT 256

struct host {
	bool line; /* the request line is there: it is HTTP/1, and the path is known, whatever the result */
	size_t path,
		path_len; /* where it stands in the bytes, without the query; len 0: it has none (CONNECT, OPTIONS *) */
	char name[HOST_NAME_TEXT]; /* in lower case, without port and final dot; "": none that could be one */
};

/* > 0: bytes up to the end of the line by which all is known, *out is filled; 0: cannot tell yet; < 0: -EPROTO,
 * these bytes never become one. The first Host holds: two of them every server must refuse (RFC 9112 3.2). */
int host_parse(const uint8_t *p, size_t n, struct host *out);

/* True when the path begins with `prefix` and has no step back or empty escape of one behind it ("/../", "%2e"):
 * what a server makes of those is not known here. `p` is what was parsed. */
bool host_path_begins(const struct host *h, const uint8_t *p, const char *prefix);

#endif
