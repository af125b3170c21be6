/* paths - the list of paths. A new one is added to the table in paths.c, and everything that
 * asks (the configuration, `tailsplice paths`, the tests, the benchmark) knows it. */
#ifndef TAILSPLICE_RELAY_PATHS_H
#define TAILSPLICE_RELAY_PATHS_H

#include "relay/half.h"

/* NULL-terminated. paths[0] is the default. */
extern const struct path *const paths[];

/* NULL when there is none of that name. */
const struct path *path_find(const char *name);

#endif
