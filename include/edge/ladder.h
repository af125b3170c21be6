/* ladder - which of the paths this edge may use: those that `paths` in [global] names, all of them unless it is given. */
#ifndef TAILSPLICE_EDGE_LADDER_H
#define TAILSPLICE_EDGE_LADDER_H

#include <stdbool.h>

#include "config/model.h"
#include "config/report.h"
#include "relay/half.h"

/* *allowed has a bit for each of paths[], by its index. False, with complaints: `paths` names what is no path. */
bool ladder_read(const struct config *c, struct report *report, unsigned *allowed);

/* The path of a listener: the one it names, and for `auto` the only one of copy and splice that is allowed. NULL, with a
 * complaint. */
const struct path *ladder_path(const struct config *c, unsigned allowed,
			       const struct listen_conf *l, struct report *report);

#endif
