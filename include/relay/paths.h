/* paths - the list of paths. A new one is added to the table in paths.c, and everything that
 * asks (the configuration, `tailsplice paths`, the tests, the benchmark) knows it. */
#ifndef TAILSPLICE_RELAY_PATHS_H
#define TAILSPLICE_RELAY_PATHS_H

#include "relay/half.h"

/* NULL-terminated. paths[0] is the default. */
extern const struct path *const paths[];

/* NULL when there is none of that name. */
const struct path *path_find(const char *name);

/* By the main thread while it has its privileges, for each path that is configured; workers 0: later, to
 * ask. NULL, or why its flows will be spliced instead. */
const char *path_prepare(const struct path *path, size_t workers);

/* A worker ends, all its relays are gone. Called, with turns of its ring between, until it is true. */
bool paths_leave(struct relay_host *host);

#endif
