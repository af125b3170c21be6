/* reload - the file becomes the configuration in force, or it does not and everything stays. */
#ifndef TAILSPLICE_CONTROL_RELOAD_H
#define TAILSPLICE_CONTROL_RELOAD_H

#include "control/desk.h"

/* Reads, checks and applies desk->file, in this call (names are resolved: it may take seconds).
 * Logs what it did, or why not. Live flows are untouched. The answer is what the control socket
 * says, a new reference; both forms of failure are in it. */
json_t *reload(struct desk *d);

#endif
