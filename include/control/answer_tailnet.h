/* answer_tailnet - what tailscaled says of this edge and of the servers that are nodes, as part of a status. */
#ifndef TAILSPLICE_CONTROL_ANSWER_TAILNET_H
#define TAILSPLICE_CONTROL_ANSWER_TAILNET_H

#include <jansson.h>

#include "backend/tailnet.h"

/* A new reference; null when tailscaled is not asked. `t` may be NULL. */
json_t *answer_tailnet(struct tailnet *t);

#endif
