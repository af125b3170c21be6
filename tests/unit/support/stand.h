/* stand - workers with one listener that leads to one server, without the process around them. */
#ifndef TAILSPLICE_TESTS_STAND_H
#define TAILSPLICE_TESTS_STAND_H

#include "config/config.h"
#include "edge/worker.h"

#define STAND_WORKERS 2

struct stand {
	/* May be set before stand_start(). */
	size_t nworkers, max_flows;
	msec_t idle, half_closed, drain;
	const char *listen_keys;  /* more lines of [listen a] */
	const char *backend_keys; /* more lines of [backend b] */

	/* Where clients connect to. */
	struct addr at;
	struct config *config;
	struct plan plan;
	struct registry registry;
	struct pool pool;
	struct admit admit;
	struct worker workers[STAND_WORKERS];
	int log[2], fds_before;
};

void stand_start(struct stand *s, const struct addr *server);

/* Gives the order, waits for the threads, and fails the test when a descriptor is left. The test
 * has closed its own. */
void stand_stop(struct stand *s, enum order_kind kind);

/* The order, to every worker; a drain with s->drain. */
void stand_tell(struct stand *s, enum order_kind kind);

/* The next line of a flow; "" when none comes in a few seconds. */
const char *stand_flow_line(struct stand *s);

/* "value" of ` key=value` in a line; "" when it is not there. The buffer is static. */
const char *field_of(const char *line, const char *key);

#endif
