/* answer_servers - the servers of a backend as part of a status: their state, what their names stand for, their flows. */
#ifndef TAILSPLICE_CONTROL_ANSWER_SERVERS_H
#define TAILSPLICE_CONTROL_ANSWER_SERVERS_H

#include <jansson.h>

#include "backend/pool.h"

/* A new reference: an array, in the order of the file. */
json_t *answer_servers(struct pool *p);

#endif
