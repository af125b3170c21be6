/* pool - the servers of one backend in one generation, with their weights, and which of them gets the next
 * flow. Made by the main thread; used by all workers: choosing takes turns under a short mutex, so
 * that turns are exact across them. */
#ifndef TAILSPLICE_BACKEND_POOL_H
#define TAILSPLICE_BACKEND_POOL_H

#include <errno.h>
#include <pthread.h>
#include <stddef.h>

#include "backend/server.h"
#include "config/model.h"

/* Addresses that are offered to one flow, at most; of one server among several, POOL_SHARE. */
#define POOL_CHOICES_MAX 32
#define POOL_SHARE	 8

/* Why there is nothing to choose from, as connect(2) never fails. */
#define POOL_NO_ADDRESS (-ENODATA)   /* no server has an address */
#define POOL_ALL_DOWN	(-ESHUTDOWN) /* those that have one are down or out of service */

struct pool_member {
	struct server *server; /* held */
	unsigned weight;
	bool backup;
	int64_t turn; /* under the lock; whose is the greatest is next */
};

struct pool {
	const struct backend_conf *conf;
	struct pool_member *at;
	size_t count;
	struct name *proxy; /* of `via`; held. NULL: none, or a literal */
	pthread_mutex_t lock;
};

/* An address for a new flow, and whose it is. */
struct choice {
	struct addr at;
	struct server *server;
};

/* Holds the servers of that backend. The pool must stay where it is. */
void pool_open(struct pool *p, const struct backend_conf *conf, struct registry *registry);
void pool_close(struct pool *p);

/* The one that is written so, host or host:port; the host alone will do where it means one of them. NULL: there is none. */
struct server *pool_find(const struct pool *p, const char *text);

/* Of its weight, what it gets now: less than 100 % while it starts slowly. */
unsigned pool_share(const struct pool *p, const struct pool_member *m);

/* A name of it was never answered, for good or ill. */
bool pool_is_asking(struct pool *p);

/* Where the proxy of `via` is now; false: its name has no address. There is one. */
bool pool_proxy(struct pool *p, struct addr *out);

/* Where a new flow of that client is led, best first: the servers as `balance` says, their addresses behind each
 * other, families in turn. Backups only if no other server can be used. `port` holds where the server names none.
 * Returns how many, with *error 0; or 0 with *error, one of the above. */
size_t pool_choose(struct pool *p, const struct addr *client, uint16_t port,
		   struct choice out[static POOL_CHOICES_MAX], int *error);

#endif
