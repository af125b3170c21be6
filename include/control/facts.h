/* facts - what a machine is like, as far as mail through it depends on that: plain data, gathered by facts_gather(), judged by
 * checkup.h. A test makes them up. */
#ifndef TAILSPLICE_CONTROL_FACTS_H
#define TAILSPLICE_CONTROL_FACTS_H

#include <net/if.h>
#include <stdbool.h>
#include <stddef.h>

#include "backend/localapi.h"
#include "backend/tailnet_choice.h"
#include "edge/plan.h"

#define FACTS_PATHS	16
#define FACTS_ADDRESSES 64 /* of this machine */
#define FACTS_PUBLIC	8

/* One path of tailsplice paths. */
struct fact_path {
	const char *name;
	bool usable, wanted; /* a listener names it */
	char missing[512];   /* why not */
};

/* A public address where mail is taken, and what DNS says of it. */
struct fact_public {
	struct addr at;
	char ptr[TAILNET_NAME]; /* "": none */
	bool confirmed;		/* that name leads back to the address */
	struct addr aaaa[4];	/* of that name */
	size_t naaaa;
};

struct facts {
	const char *file;	     /* of the configuration */
	const struct config *config; /* NULL: there is none */
	const struct plan *plan;

	char release[65];
	unsigned major, minor;
	int ring_error; /* 0, or negative errno of io_uring_setup(2) */
	char ring[512]; /* its features, or why there is none and what to do */
	bool filtered;	/* seccomp(2) */
	struct fact_path paths[FACTS_PATHS];
	size_t npaths;

	size_t nofile, max_flows;	/* RLIMIT_NOFILE, hard; flows that is enough for */
	size_t pipe_pages;		/* fs.pipe-user-pages-soft; 0: no limit */
	bool pipes_unlimited;		/* this process has CAP_SYS_RESOURCE */
	unsigned port_first, port_last; /* net.ipv4.ip_local_port_range */
	bool clock_synchronised;

	struct addr own[FACTS_ADDRESSES]; /* port 0 */
	size_t nown;
	bool route4, route6; /* a default route */
	unsigned route_mtu;  /* of the IPv4 one's interface; 0: not known */
	struct fact_public publics[FACTS_PUBLIC];
	size_t npublics;

	const char *socket; /* tailscaled's; NULL: it is not asked */
	bool tailnet_known;
	char tailnet_why[LOCALAPI_WHY];
	struct tailnet_status tailnet;
	char socket_closed[256]; /* what on the way to the socket is not for everybody; "": nothing */
	char device[IF_NAMESIZE]; /* the tailnet's interface; "": none */
	unsigned device_mtu;
	time_t now;

	const char *outbound;	/* the host that was tried on port 25; NULL: none was */
	char outbound_why[128]; /* why it did not greet; "": it did */
};

/* Asks the machine, tailscaled, and DNS (which may take seconds); `outbound` (or NULL) is a mail server whose port 25 is
 * tried. The configuration and its plan (both or neither) are lent. One thread; needs no privilege, but what root may do is
 * not what the edge's user may. */
void facts_gather(struct facts *f, const char *file, const struct config *config,
		  const struct plan *plan, const char *outbound);
void facts_finish(struct facts *f);

/* The parts of facts_gather(). */
void facts_machine(struct facts *f);
void facts_network(struct facts *f);
void facts_names(struct facts *f);
void facts_tailnet(struct facts *f);

/* True when an interface has that address; the port does not matter. */
bool facts_has(const struct facts *f, const struct addr *a);

#endif
