/* resolver - the thread that keeps names.h up to date. A name below ts.net that the system's resolver does not know
 * is asked from tailscaled itself (MagicDNS, 100.100.100.100), wherever /etc/resolv.conf points to; of that answer only
 * tailnet addresses are taken, because without tailscaled 100.100.100.100 may be anybody. */
#ifndef TAILSPLICE_BACKEND_RESOLVER_H
#define TAILSPLICE_BACKEND_RESOLVER_H

#include <pthread.h>
#include <stdatomic.h>

#include "backend/lookup.h"

/* What is not given is as it should be outside of tests. */
struct resolver_options {
	const char *system; /* "ADDRESS:PORT,…", lent until resolver_stop(); NULL: resolv.conf(5) */
	const char *tailnet; /* the same; NULL: 100.100.100.100 */
	int patience;	     /* milliseconds for one answer; 0: 2000 */
};

struct resolver {
	struct names *names;
	struct resolver_options options;
	pthread_t thread;
	atomic_bool stopping;
	bool is_running;
	struct lookup system, tailnet; /* its thread's */
};

/* *r is zeroed. 0, or a negative errno with *why, a static text. `names` is lent until resolver_stop(). */
int resolver_start(struct resolver *r, struct names *names, struct resolver_options options,
		   const char **why);

/* Waits for its end; at once when it was not started. */
void resolver_stop(struct resolver *r);

#endif
