/* sockmap_check - the self-test of the path sockmap: what a version number promises is seen to hold here, on
 * loopback, before a flow depends on it. Some milliseconds; blocks. */
#ifndef TAILSPLICE_RELAY_SOCKMAP_CHECK_H
#define TAILSPLICE_RELAY_SOCKMAP_CHECK_H

#include <stdbool.h>
#include <stddef.h>

/* After sockmap_load(). Uses the slots 0 and 1. False, with what did not hold. */
bool sockmap_check(char *why, size_t size);

#endif
