/* lint_listeners - the rules on one listener and on one backend, taken alone. */
#ifndef TAILSPLICE_CONFIG_LINT_LISTENERS_H
#define TAILSPLICE_CONFIG_LINT_LISTENERS_H

#include "config/lint_rules.h"

/* The listener's backend must be known. */
void lint_listener(const struct lint *lint, const struct listen_conf *l);

#endif
