/* answer_servers - the servers of a backend as part of a status: their state, what their names stand for, their flows. */
#ifndef TAILSPLICE_CONTROL_ANSWER_SERVERS_H
#define TAILSPLICE_CONTROL_ANSWER_SERVERS_H

#include <jansson.h>

#include "backend/pool.h"

/* What a server may be in. */
#define SERVER_STATES 5
extern const char *const server_states[SERVER_STATES];

/* A new reference: an array, in the order of the file. */
json_t *answer_servers(struct pool *p);

#endif
