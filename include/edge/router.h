/* router - which route of a listener fits a client, by its address and by what it said so far.
 * Pure: no descriptor, no allocation, no log. */
#ifndef TAILSPLICE_EDGE_ROUTER_H
#define TAILSPLICE_EDGE_ROUTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "config/model.h"

/* What is known of a client. */
struct sight {
	const struct addr *client;
	const uint8_t *bytes; /* its first ones */
	size_t n;
	bool final; /* no more of them come: what cannot be told does not fit */
};

/* The number of the first route that fits, or one of these. */
#define ROUTER_WAIT SIZE_MAX	   /* more bytes could decide otherwise */
#define ROUTER_NONE (SIZE_MAX - 1) /* none does, and none will */

size_t router_choose(const struct routes *routes, const struct sight *s);

#endif
