/* lint_servers - the rules on servers: their names and addresses, and where ports lead. */
#ifndef TAILSPLICE_CONFIG_LINT_SERVERS_H
#define TAILSPLICE_CONFIG_LINT_SERVERS_H

#include "config/lint_rules.h"

/* One backend, taken alone. */
void lint_backend(const struct lint *lint, const struct backend_conf *b);

/* All endpoints, each alone and against the others. */
void lint_endpoints(const struct lint *lint);

#endif
