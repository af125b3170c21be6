/* checks - how the servers of a configuration are to be checked, told to the checker. Main thread. */
#ifndef TAILSPLICE_EDGE_CHECKS_H
#define TAILSPLICE_EDGE_CHECKS_H

#include "backend/checker.h"
#include "edge/generation.h"

/* From now on as this one says. */
void checks_order(struct checker *c, const struct generation *g);

#endif
