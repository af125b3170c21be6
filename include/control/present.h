/* present - an answer of the control socket as text for people. All its fields are in it, but a program
 * should read the JSON. Any thread. */
#ifndef TAILSPLICE_CONTROL_PRESENT_H
#define TAILSPLICE_CONTROL_PRESENT_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "control/medium.h"
#include "control/request.h"

/* A successful answer to that verb. Status is folded to the width, conns is cut there. */
void present(enum verb_id verb, const json_t *answer, const struct medium *medium, FILE *to);

/* What comes beside an answer of any verb: `errors` and `warnings`, a line each; then, if it failed,
 * "VERB: error". */
void present_complaints(const struct verb *verb, const json_t *answer, FILE *to);

#endif
