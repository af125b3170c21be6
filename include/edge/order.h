/* order - what the main thread asks of a worker: a letter that goes out, is obeyed between two
 * turns, and comes back with its answer. */
#ifndef TAILSPLICE_EDGE_ORDER_H
#define TAILSPLICE_EDGE_ORDER_H

#include "base/mailbox.h"
#include "base/net.h"
#include "edge/bans.h"
#include "edge/generation.h"
#include "edge/ledger.h"
#include "edge/listing.h"

enum order_kind {
	ORDER_SERVE, /* listen there, and nowhere else */
	ORDER_DRAIN, /* accept no more; flows have some time */
	ORDER_HALT,  /* accept no more, reset all flows, end */
	ORDER_BAN,   /* the bans changed */
	ORDER_KILL,  /* end one flow */
	ORDER_LOOK,  /* copy your ledger */
	ORDER_LIST,  /* list your flows */
	ORDER_PING,  /* nothing: come back */
	ORDER_ENDED, /* never sent, only received: the worker's last word */
};

/* One address of ORDER_SERVE. */
struct order_place {
	const struct plan_entry *plan;
	int fd; /* a listening socket, the worker's from now on; -1: it has that address already */
	bool inherited;
};

struct order {
	struct letter letter;
	enum order_kind kind;
	struct inquiry *inquiry; /* the asker's; NULL: nobody waits for the answer */
	union {
		struct {
			struct generation *generation; /* held */
			struct order_place *at;
			size_t count;
			size_t accounts; /* numbers the roster has given */
		} serve;
		struct {
			char listener[64]; /* "": all, and then the worker ends */
			msec_t limit;	   /* then what is left is reset */
		} drain;
		struct {
			struct prefixes *set; /* held; NULL: no bans */
			bool is_new;	      /* end the flows of `net` */
			struct net net;
			size_t ended; /* the answer: how many */
		} ban;
		struct {
			uint64_t id;
			bool found; /* the answer */
		} kill;
		struct ledger look; /* the answer */
		struct listing list;
		struct worker *ended; /* who ended */
	};
};

/* Zeroed. */
struct order *order_new(enum order_kind kind);

/* With everything it holds. Sockets that no worker took are closed. */
void order_free(struct order *o);

#endif
