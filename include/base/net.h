/* net - an IPv4 or IPv6 network (an address and how many of its bits count), as a plain value. */
#ifndef TAILSPLICE_BASE_NET_H
#define TAILSPLICE_BASE_NET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"

struct net {
	struct addr base; /* port 0; the bits that do not count are 0 */
	uint8_t bits;	  /* 0 … 32 or 128 */
};

/* Room for an address, "/128" and its NUL. */
#define NET_TEXT (ADDR_TEXT + 4)

/* "192.0.2.0/24", "192.0.2.1", "2001:db8::/32". An IPv4-mapped one becomes IPv4. 0; -EINVAL: not a network;
 * -EDOM: bits are set that do not count, and *out is the network that was probably meant. */
int net_parse(struct net *out, const char *text);

/* "192.0.2.0/24"; a single address without its bits. Returns `out`. */
char *net_format(const struct net *n, char out[static NET_TEXT]);

/* The port does not matter; an IPv4-mapped address counts as IPv4. */
bool net_contains(const struct net *n, const struct addr *a);

bool net_equal(const struct net *a, const struct net *b);

/* True when all of `inner` is within `outer`. */
bool net_covers(const struct net *outer, const struct net *inner);

/* The address in network byte order, IPv4 as IPv4-mapped (RFC 4291 2.5.5.2): one order for both. */
void net_key(const struct addr *a, uint8_t key[static 16]);

#endif
