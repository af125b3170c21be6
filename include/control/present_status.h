/* present_status - the answer to `status` as text for people: the edge, its listeners, its backends. Any thread. */
#ifndef TAILSPLICE_CONTROL_PRESENT_STATUS_H
#define TAILSPLICE_CONTROL_PRESENT_STATUS_H

#include <jansson.h>
#include <stdio.h>

#include "control/medium.h"

/* Folded to the medium's width. */
void present_status(const json_t *answer, const struct medium *medium, FILE *to);

#endif
