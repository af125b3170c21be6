/* tailnet_status - what tailscaled knows of its tailnet: the answer of its LocalAPI's /localapi/v0/status (ipnstate.Status, JSON)
 * as plain data. Reads any bytes; holds no descriptor, writes no log; allocates the nodes. Any thread. */
#ifndef TAILSPLICE_BACKEND_TAILNET_STATUS_H
#define TAILSPLICE_BACKEND_TAILNET_STATUS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "base/addr.h"

#define TAILNET_NAME	  254 /* a domain name and its NUL */
#define TAILNET_ADDRESSES 4   /* a node has one of each family; more only in passing */
/* Nodes that are read; the rest is left out. No tailnet is nearly that large. */
#define TAILNET_NODES_MAX 20000

struct tailnet_node {
	char name[TAILNET_NAME]; /* the MagicDNS name, lower case, no dot at the end; "" when it has none */
	char asked[64]; /* the host name it asked for: the same for all incarnations of a container */
	char tags[256]; /* in order, a blank between two; "": a person's machine */
	struct addr addresses[TAILNET_ADDRESSES]; /* port 0 */
	size_t naddresses;
	bool online; /* as control sees it: one that is frozen, or cut off a minute ago, still is */
	bool expired;	 /* its key: nobody can reach it */
	bool active;	 /* packets went there lately: only then `direct` and `relay` say how */
	char direct[64]; /* ADDRESS:PORT its packets go to; "": through a relay */
	char relay[32];	 /* code of its DERP region, or ADDRESS:PORT of the peer that relays */
	time_t created, seen, key_expiry; /* UTC; 0: not known, online now, never */
	uint64_t rx, tx;		  /* bytes of WireGuard from and to it */
};

struct tailnet_status {
	char version[48], state[24]; /* "Running", "NeedsLogin", "Stopped" … (ipn.State) */
	char suffix[TAILNET_NAME];   /* MagicDNS domain, lower case, no dots around; "": none */
	bool tun; /* false: userspace mode, no address of the tailnet is on this machine */
	bool magic_dns;
	char health[200]; /* the first thing tailscaled complains of; "": nothing */
	struct tailnet_node self;
	struct tailnet_node *peers;
	size_t count;
};

/* False: no such JSON, *out is empty. What is missing or of another type counts as not known; a node without an
 * address is left out. The caller ends it with tailnet_status_finish(). */
bool tailnet_status_parse(struct tailnet_status *out, const char *json, size_t len);

/* Also of one that is all zero. */
void tailnet_status_finish(struct tailnet_status *s);

/* The node, self included, that has that address now; NULL: none. */
const struct tailnet_node *tailnet_status_find(const struct tailnet_status *s,
					       const struct addr *a);

#endif
