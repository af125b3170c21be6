/* generation - one configuration as it is in force: with its plan and its pools. A reload makes
 * a new one; listeners and flows hold the one they began under, and with the last of them it goes.
 * Read by every thread, changed by none once it is shared. */
#ifndef TAILSPLICE_EDGE_GENERATION_H
#define TAILSPLICE_EDGE_GENERATION_H

#include <stdatomic.h>

#include "config/model.h"
#include "edge/ledger.h"
#include "edge/plan.h"

struct generation {
	atomic_size_t holders;
	struct config *config;
	struct plan plan;
	struct pool *pools; /* one for each backend, same order */
};

/* Takes over the configuration and the plan made of it. The caller is its first holder. The roster and the gates give
 * the plan's entries their numbers, the registry has their servers, which it holds. */
struct generation *generation_open(struct config *config, struct plan *plan, struct roster *roster,
				   struct gates *gates, struct registry *registry);

/* Both accept NULL. */
struct generation *generation_get(struct generation *g);
void generation_put(struct generation *g);

#endif
