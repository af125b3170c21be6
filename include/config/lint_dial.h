/* lint_dial - the rules on how a backend's servers are dialled: device, source, via. */
#ifndef TAILSPLICE_CONFIG_LINT_DIAL_H
#define TAILSPLICE_CONFIG_LINT_DIAL_H

#include "config/lint_rules.h"

void lint_dial(const struct lint *lint, const struct backend_conf *b);

#endif
