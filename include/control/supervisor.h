/* supervisor - the main thread once the workers run: signals, the control socket, the service
 * manager. SIGHUP reloads; SIGTERM drains and ends, a second one ends at once, and so does SIGINT. */
#ifndef TAILSPLICE_CONTROL_SUPERVISOR_H
#define TAILSPLICE_CONTROL_SUPERVISOR_H

#include "config/model.h"
#include "edge/plan.h"

enum supervisor_result {
	SUPERVISOR_DONE = 0, /* ended as asked */
	SUPERVISOR_ENVIRONMENT =
		2, /* a port in use, io_uring not allowed, …: said with the remedy */
};

/* Runs the edge until it is told to end. Takes over both. `file` is what a reload reads; NULL: there is
 * none. For the main thread, which must be the only one yet but for those that block all signals. Changes
 * signal dispositions, RLIMIT_NOFILE and the privileges of the process. */
enum supervisor_result supervisor_run(const char *file, struct config *config, struct plan *plan);

#endif
