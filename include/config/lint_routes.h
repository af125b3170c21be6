/* lint_routes - rules for where clients are led by what they say first, and for PROXY headers that come in. */
#ifndef TAILSPLICE_CONFIG_LINT_ROUTES_H
#define TAILSPLICE_CONFIG_LINT_ROUTES_H

#include "config/lint_rules.h"

void lint_routes(const struct lint *lint, const struct listen_conf *l);

#endif
