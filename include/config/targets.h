/* targets - the names of backends that listeners and routes lead to become backends, and `backend` the last route. */
#ifndef TAILSPLICE_CONFIG_TARGETS_H
#define TAILSPLICE_CONFIG_TARGETS_H

#include "config/model.h"
#include "config/report.h"

/* Complains of names that are none and of backends that nobody leads to. */
void targets_resolve(struct config *c, struct report *report);

#endif
