/* server - one server of a backend, as the whole process sees it: what its host stands for, how many flows it
 * has, what the operator said of it, whether it is up. There is one for each (backend, host, port); the
 * generations that name it hold it, so all of this survives reloads. From any thread: counts and states are
 * atomic, the list has a mutex that only opening and ending generations and the operator take. */
#ifndef TAILSPLICE_BACKEND_SERVER_H
#define TAILSPLICE_BACKEND_SERVER_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>

#include "backend/health.h"
#include "backend/names.h"
#include "backend/ports.h"

/* The operator's word. */
enum server_admin {
	SERVER_READY,
	SERVER_DRAIN, /* no new flows */
	SERVER_MAINT, /* no new flows, and nobody checks it */
};

struct registry {
	pthread_mutex_t lock; /* of the list */
	struct list servers;
	struct names names;
};

struct server {
	struct list node;
	struct registry *registry;
	char *backend, *host;
	uint16_t port;	     /* 0: the listener's */
	struct name *name;   /* NULL: host is a literal, or a proxy resolves it */
	struct addr literal; /* port 0; AF_UNSPEC: host is a name */
	struct name *
		proxy; /* through which it is checked, by the registry's lock; NULL: none, or no name */
	bool by_proxy; /* it is dialled through one; its name stands for one address, of no family */
	size_t holders;
	atomic_size_t live; /* connections to it, those under way included */
	atomic_uint admin;  /* enum server_admin */
	atomic_uint_least64_t
		ready_since; /* when the operator made it ready again (timer_now()); 0: never */
	atomic_int family;   /* to be tried first; AF_UNSPEC: as the answer says */
	atomic_uint_least64_t
		family_since; /* when it was remembered, or the answer's was tried again (timer_now()) */
	struct ports ports;
	struct health health;
};

/* 0, or a negative errno. */
int registry_open(struct registry *r);

/* No server may be held any more. */
void registry_close(struct registry *r);

/* One holder more; port 0: the listener's. */
struct server *server_hold(struct registry *r, const char *backend, const char *host, uint16_t port,
			   bool by_proxy);
void server_release(struct server *s);

/* One holder more of a server that is held. Returns it. */
struct server *server_get(struct server *s);

/* As it is written in the file: host, or host:port. Returns `out`. */
#define SERVER_TEXT 300
char *server_format(const struct server *s, char out[static SERVER_TEXT]);

/* A family that worked where the answer's first did not is remembered for so long; then one flow tries again. Ten
 * minutes (RFC 6555 4). */
#define SERVER_FAMILY_HOLDS 600000

/* Its addresses that are up, preferred family first, then in turn with the other (RFC 8305 4); `port` where it has
 * none of its own. Returns how many. A name without an address is asked for again. */
size_t server_addresses(struct server *s, uint16_t port,
			struct addr out[static NAME_ADDRESSES_MAX]);

/* True while one of its addresses is up. A name without an address is asked for again. */
bool server_is_up(struct server *s);

/* True while its name has an address, up or not. */
bool server_is_known(struct server *s);

/* False: its name stands for other addresses now. Whatever the port. */
bool server_has(struct server *s, const struct addr *at);

/* A connection to it begins, or is over. The holder of a generation calls it. */
void server_enter(struct server *s);
void server_leave(struct server *s);

/* What a flow met there: for its health, for the family that is tried first, and a failure asks DNS anew. */
void server_note(struct server *s, const struct addr *at, enum health_event event);

void server_set_admin(struct server *s, enum server_admin admin);

/* "ready", "drain" or "maint". */
const char *server_admin_name(enum server_admin admin);

/* Since when it is ready and up again (timer_now()); 0: from the start. */
msec_t server_back_since(const struct server *s);

#endif
