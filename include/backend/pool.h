/* pool - the addresses that a backend's servers have now.
 * Filled before the workers start; read by all of them, changed by none. */
#ifndef TAILSPLICE_BACKEND_POOL_H
#define TAILSPLICE_BACKEND_POOL_H

#include <stdbool.h>
#include <stddef.h>

#include "base/addr.h"
#include "config/model.h"
#include "config/report.h"

#define POOL_ADDRESSES_MAX 16

struct pool {
	const struct backend_conf *conf;
	struct addr addresses[POOL_ADDRESSES_MAX]; /* port 0: the listener's */
	size_t count;
};

/* Resolves every server. False, with complaints, when one has no address. */
bool pool_fill(struct pool *p, const struct backend_conf *conf, struct report *report);

/* The address of attempt 0, 1, …; false when all were tried. `port` holds where the server
 * names none. */
bool pool_pick(const struct pool *p, size_t attempt, uint16_t port, struct addr *out);

#endif
