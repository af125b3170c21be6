/* plan - a checked configuration, multiplied out: each address and port we listen on, where it
 * leads and under which rules. `check` prints it, `run` opens it. */
#ifndef TAILSPLICE_EDGE_PLAN_H
#define TAILSPLICE_EDGE_PLAN_H

#include <stdio.h>

#include "backend/dial.h"
#include "config/model.h"
#include "config/report.h"
#include "config/wire.h"
#include "edge/gate.h"
#include "edge/lists.h"
#include "edge/sources.h"
#include "relay/relay.h"

struct generation;

/* Where flows lead: a backend, and how it is reached from that listener. */
struct destination {
	const struct backend_conf *backend;
	struct dial_plan dial;
	msec_t idle, half_closed; /* of the flow: the listener's word first, then the backend's */
	msec_t greeting; /* a server that speaks first may be silent so long; 0: for ever */
	size_t account; /* the backend's number in the roster, by generation_open(); dial.pool, too */
};

struct plan_entry {
	const struct listen_conf *conf;
	struct addr at;
	const struct path *path;
	enum profile profile;
	enum wire_first first;
	msec_t first_byte;	/* a client may be silent so long; 0: for ever */
	struct timeouts client; /* keepalive and user_timeout: of the client's leg */
	struct destination *to; /* owned; of each route of conf, in their order */
	size_t nto;
	const struct lists *lists;	   /* NULL: everybody may come */
	enum guard guard;		   /* off unless the listener is public */
	const struct prefixes *gateways;   /* no client has such an address; NULL: not known */
	struct source_limits limits;	   /* for clients from the internet */
	struct source_limits limits_inner; /* for those that are not */
	/* Filled in by generation_open(). */
	struct generation *generation; /* what holds all this */
	size_t account;		       /* number in the roster */
	struct gate *gate;	       /* of its listener; NULL in tests: without limits */
};

/* Addresses in all: each costs every worker a descriptor. */
#define PLAN_MAX 4096

struct plan {
	struct plan_entry *at;
	size_t count;
	struct prefixes *gateways;
	struct lists **lists; /* of each listener; NULL in tests */
	size_t nlists;
};

/* Of a configuration that may have complaints already: what can be judged is judged. False,
 * with complaints, when the configuration does not make sense as a whole. The plan
 * refers to the configuration, which must outlive it. */
bool plan_make(struct plan *p, const struct config *c, struct report *report);
void plan_free(struct plan *p);

/* Of a plan of that configuration: looks up what it needs of this machine, the files that allow and deny name among it. False,
 * with complaints. */
bool plan_look_up(struct plan *p, const struct config *c, struct report *report);

/* One line for each listening address. */
void plan_print(const struct plan *p, FILE *to);

#endif
