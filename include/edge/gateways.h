/* gateways - addresses of this machine's bridges and of its default routes: a client that has one came through a NAT or a
 * container's port mapping, whatever range it is from. Main thread. */
#ifndef TAILSPLICE_EDGE_GATEWAYS_H
#define TAILSPLICE_EDGE_GATEWAYS_H

#include "base/prefixes.h"

/* As they are now. NULL: there are none, or nobody tells. */
struct prefixes *gateways_find(void);

#endif
