/* reach - who can get at an address, as far as the address itself tells.
 * Pure; any thread. */
#ifndef TAILSPLICE_CONFIG_REACH_H
#define TAILSPLICE_CONFIG_REACH_H

#include "base/addr.h"

/* In this order: who can get at a later one is less known. */
enum reach {
	REACH_LOOPBACK, /* this machine */
	REACH_TAILNET,	/* 100.64.0.0/10 (RFC 6598, as Tailscale uses it), fd7a:115c:a1e0::/48 */
	REACH_PRIVATE,	/* RFC 1918, RFC 4193, link-local; behind NAT it may be public */
	REACH_PUBLIC	/* everything else; 0.0.0.0 and ::, too */
};

enum reach reach_of_addr(const struct addr *a);

/* Of a literal or a name. A name is taken for public unless it says otherwise: localhost,
 * *.ts.net, and the names that only private networks have (RFC 6762, RFC 8375). */
enum reach reach_of_host(const char *host);

#endif
