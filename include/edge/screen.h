/* screen - judges a new client before anything is done for it: bans, then allow and deny of its listener, source-guard, its limits
 * for one source.
 * Used by its worker only; what it reads is shared. */
#ifndef TAILSPLICE_EDGE_SCREEN_H
#define TAILSPLICE_EDGE_SCREEN_H

#include "base/prefixes.h"
#include "edge/plan.h"
#include "edge/sources.h"
#include "edge/why.h"

struct screen {
	struct prefixes *bans;	 /* held; NULL: none */
	struct sources *sources; /* shared; NULL in tests: without limits */
};

struct verdict {
	enum why why; /* WHY_NONE: it is welcome */
	enum dismissal how;
};

/* `fd`: its socket; -1: a PROXY header named it, so that source-guard has no say. When it is welcome, *source is to be given back by screen_leave() when its flow ends; else nothing is held. */
struct verdict screen_client(struct screen *s, const struct plan_entry *plan,
			     const struct addr *client, int fd, msec_t now,
			     struct sources_entry **source);

/* Accepts NULL for the source. */
void screen_leave(struct screen *s, struct sources_entry *source, msec_t now);

#endif
