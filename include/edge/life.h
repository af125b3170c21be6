/* life - what a flow is made of, the states of its life, and what is told of it in the end: plain data for flow.c and for
 * the modules of its phases; everybody else sees flow.h. */
#ifndef TAILSPLICE_EDGE_LIFE_H
#define TAILSPLICE_EDGE_LIFE_H

#include "backend/dial.h"
#include "edge/admit.h"
#include "edge/greeting.h"
#include "edge/head.h"
#include "edge/ledger.h"
#include "edge/plan.h"
#include "edge/sampler.h"
#include "edge/screen.h"
#include "edge/tarpit.h"
#include "edge/why.h"
#include "engine/timer.h"
#include "relay/relay.h"

/* One worker's flows, and what they need of the worker. */
struct flows {
	struct relay_host host; /* host.now is the time of this turn */
	struct timers *timers;
	struct admit *admit;
	struct ledger ledger;
	struct screen screen;
	struct sampler sampler;
	struct tarpit tarpit;
	struct list live, dying;
	struct flow *unused; /* flows of ended connections, to be used again */
	uint64_t next_id, id_step;
	size_t count;	   /* live and dying */
	size_t nsheltered; /* live, held or taking leave: shelter.h */
	msec_t complained; /* when the log last told of a failure of ours */
};

enum flow_state {
	FLOW_NEW,
	FLOW_HEAD, /* its first bytes have to tell where it leads */
	FLOW_DIAL,
	FLOW_HELD,     /* no server can be reached; it waits for one */
	FLOW_FAREWELL, /* it was told to come again, and may end by itself */
	FLOW_RELAY,
	FLOW_CLOSING
};

struct flow {
	struct list node; /* on flows->live or dying; `node.next` links unused ones */
	struct flows *flows;
	const struct plan_entry *plan;
	const struct destination *to; /* NULL until it is known */
	struct sources_entry *source; /* its place among its client's flows; NULL: not counted */
	struct timer timer;
	uint64_t id;
	msec_t started, drain_due; /* drain_due 0: none */
	uint64_t looked_bytes;	   /* what had moved at the last look, for the rate */
	msec_t looked;
	msec_t held, shelter_due, dial_due; /* held since, until, and its next dial; 0: never */
	uint32_t connect_ms, head_ms;	    /* of the dial; before it */
	int client_fd;			    /* until the relay takes it; -1 then */
	uint8_t state, why, retries;
	uint8_t dismissal; /* enum dismissal: how it is turned away */
	bool admitted, relayed, sheltered;
	bool watched; /* its server's leg: leg_options_watch() */
	struct addr client, server;
	struct server *on; /* that was dialled last; once it relays, it is counted there */
	struct head *head; /* what it said first; NULL: nothing was asked for, or it is delivered */
	struct greeting *greeting; /* until it is connected, or freed */
	/* One after the other, never both. */
	union {
		struct dial *dial; /* NULL once it is done */
		struct relay relay;
	};
};

/* The only way from one state to the next. */
void life_enter(struct flow *f, enum flow_state next);

/* It is over, f->why says why: its line in the log, and what it adds to the accounts. */
void life_tell(struct flow *f);

/* Its backend could not be reached, for a reason that is this edge's or the machine's. */
void life_complain(const struct flow *f, int error);

/* For the operator; static. */
const char *flow_state_name(const struct flow *f);

/* What moves its bytes, or would; static. */
const char *flow_path_name(const struct flow *f);

/* Bytes delivered that came from that side. */
uint64_t flow_moved(const struct flow *f, enum side from);

#endif
