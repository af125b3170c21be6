/* edge - the whole running program: a configuration becomes listeners, workers and flows. */
#ifndef TAILSPLICE_EDGE_EDGE_H
#define TAILSPLICE_EDGE_EDGE_H

#include "config/model.h"
#include "edge/plan.h"

enum edge_result {
	EDGE_DONE = 0,	      /* ended as asked */
	EDGE_ENVIRONMENT = 2, /* a port in use, io_uring not allowed, …: said with the remedy */
};

/* Runs until SIGTERM (drain; a second one ends at once) or SIGINT. Blocks; for the main thread,
 * which must be the only one yet. The plan's pools
 * are filled in. Changes signal dispositions and RLIMIT_NOFILE of the process. */
enum edge_result edge_run(const struct config *config, struct plan *plan);

#endif
