/* watch - `status --watch`: asks every second and shows the answer, on a terminal as one living screen, else
 * as one block (or one line of JSON) after the other. For a process with one thread. */
#ifndef TAILSPLICE_CONTROL_WATCH_H
#define TAILSPLICE_CONTROL_WATCH_H

#include <stdbool.h>

#include "control/client.h"

/* Until q, SIGINT, SIGTERM, SIGHUP, or nobody reads any more; then 0. An edge that goes away later is told
 * of and asked on; negative errno with words when the very first request finds none. */
int watch(const struct client *client, bool json, char why[static CLIENT_WHY]);

#endif
