/* listing - live flows as rows for the operator: filtered, sorted, cut to a number. Each worker
 * lists its own, the main thread puts them together. Pure data; any thread. */
#ifndef TAILSPLICE_EDGE_LISTING_H
#define TAILSPLICE_EDGE_LISTING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/bits.h"
#include "base/net.h"

enum listing_sort { LISTING_AGE, LISTING_RATE, LISTING_BYTES }; /* the largest first */

/* Of a flow that is not known to lead anywhere yet. */
#define LISTING_NO_ACCOUNT SIZE_MAX

struct listing_row {
	uint64_t id;
	size_t account, backend_account; /* numbers of the roster */
	uint16_t port;			 /* the listener's */
	struct addr client, server;
	const char *path, *state; /* static */
	msec_t age, idle;	  /* idle: since a byte moved; since it began when none did */
	uint64_t up, down;
	uint64_t rate; /* bytes a second, both ways, since the look before this one */
};

struct listing {
	/* What is asked. */
	enum listing_sort sort;
	size_t limit;	/* 0: all */
	bool of_client; /* only clients within `client` */
	struct net client;
	char listener[64]; /* only that listener; "": any */
	uint16_t port;	   /* only that port of it; 0: any */
	/* What is found: the best `limit` rows of those that match. */
	struct listing_row *rows;
	size_t count, matched, total;
};

/* True when a flow belongs in it. */
bool listing_wants(const struct listing *l, const char *listener, uint16_t port,
		   const struct addr *client);

void listing_add(struct listing *l, const struct listing_row *row);

/* Sorts, and drops what is over the limit. */
void listing_trim(struct listing *l);

/* Adds what another worker found, and trims. */
void listing_merge(struct listing *to, const struct listing *from);

/* Frees the rows. */
void listing_finish(struct listing *l);

#endif
