/* present_servers - the servers of all backends, as part of a status for people. Any thread. */
#ifndef TAILSPLICE_CONTROL_PRESENT_SERVERS_H
#define TAILSPLICE_CONTROL_PRESENT_SERVERS_H

#include "control/sheet.h"

/* `backends` as in the answer. */
void present_servers(const struct sheet *s, const json_t *backends, bool bold);

/* "3 ready, 1 drain": how many servers of all backends are in each state. Returns `out`. */
char *present_server_states(const json_t *backends, char *out, size_t size);

#endif
