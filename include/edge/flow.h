/* flow - the life of one connection: dial, relay, close with one reason and one log line.
 * A state machine: an enum, changed in one function, against a table. All flows of a worker
 * share a struct flows (flows.h); they are used by that worker only. */
#ifndef TAILSPLICE_EDGE_FLOW_H
#define TAILSPLICE_EDGE_FLOW_H

#include "backend/dial.h"
#include "edge/admit.h"
#include "edge/greeting.h"
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
	msec_t complained; /* when the log last told of a failure of ours */
};

enum flow_state { FLOW_NEW, FLOW_DIAL, FLOW_RELAY, FLOW_CLOSING };

struct flow {
	struct list node; /* on flows->live or dying; `node.next` links unused ones */
	struct flows *flows;
	const struct plan_entry *plan;
	const struct destination *to;
	struct sources_entry *source; /* its place among its client's flows; NULL: not counted */
	struct timer timer;
	uint64_t id;
	msec_t started, drain_due; /* drain_due 0: none */
	uint64_t looked_bytes;	   /* what had moved at the last look, for the rate */
	msec_t looked;
	uint32_t connect_ms;
	int client_fd; /* until the relay takes it; -1 then */
	uint8_t state, why, retries;
	uint8_t dismissal; /* enum dismissal: how it is turned away */
	bool admitted, relayed;
	struct addr client, server;
	struct server *on;	   /* that it is connected to, and counted for */
	struct greeting *greeting; /* until it is connected */
	/* One after the other, never both. */
	union {
		struct dial *dial; /* NULL once it is done */
		struct relay relay;
	};
};

/* A new connection on that plan entry; takes ownership of fd and of its place (admit_enter()),
 * if it has one; without one it is refused. It holds the entry's generation. drain_due: 0, or the
 * time until which it may live, as of flow_drain(). */
void flow_open(struct flows *fs, const struct plan_entry *plan, int fd, bool admitted,
	       msec_t drain_due);

/* Judges its client, again when that is another now (a PROXY header said so). False: it was refused and ends. */
bool flow_screen(struct flow *f);

/* Ends it for that reason, the first one wins; anything but an orderly end resets both legs. */
void flow_close(struct flow *f, enum why why);

/* For relay_host.ended. */
void flow_relay_ended(struct relay *r, enum relay_end end);

/* It has until `due`, then it is reset; where the protocol allows, it ends in order before, once
 * it is at rest. Both with WHY_DRAIN. */
void flow_drain(struct flow *f, msec_t due);

/* Once closed: true when the kernel let go of it; then it is gone. */
bool flow_reap(struct flow *f);

/* Bytes delivered that came from that side. */
uint64_t flow_moved(const struct flow *f, enum side from);

/* For the operator; static. */
const char *flow_state_name(const struct flow *f);
const char *flow_path_name(const struct flow *f);

#endif
