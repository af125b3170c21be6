/* guard - source-guard: a client of a public listener whose address nobody on the internet has. Then something in front of us hides
 * who connects, and what stands behind us may trust that address. Any thread. */
#ifndef TAILSPLICE_EDGE_GUARD_H
#define TAILSPLICE_EDGE_GUARD_H

#include <stdbool.h>

#include "edge/plan.h"

/* True when it is to be turned away. The log tells of the first of each listener. `fd` is its socket. */
bool guard_rejects(const struct plan_entry *plan, const struct addr *client, int fd);

#endif
