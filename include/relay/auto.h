/* auto - copies small messages and splices bulk, each half by what it sees.
 * Changing over loses and reorders nothing: what a half holds leaves before it reads on. */
#ifndef TAILSPLICE_RELAY_AUTO_H
#define TAILSPLICE_RELAY_AUTO_H

#include "relay/half.h"

extern const struct path path_auto;

#endif
