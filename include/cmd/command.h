/* command - the table of sub-commands. Help is printed from it, so none exists without its words. */
#ifndef TAILSPLICE_CMD_COMMAND_H
#define TAILSPLICE_CMD_COMMAND_H

#include <stddef.h>

#include "config/config.h"
#include "edge/plan.h"

/* contract: 0 done, 1 the operator's mistake, 2 the environment, 3 our bug */
enum { EXIT_DONE, EXIT_MISTAKE, EXIT_ENVIRONMENT, EXIT_BUG };

struct command {
	const char *name, *arguments, *summary;
	const char *details; /* for COMMAND --help; NULL: the summary says it all */
	/* argv[0] is the command's name. Returns the exit status. */
	int (*main)(int argc, char **argv);
};

int run_main(int argc, char **argv);
int check_main(int argc, char **argv);
int probe_main(int argc, char **argv);
int doctor_main(int argc, char **argv);
int whoami_main(int argc, char **argv);
int paths_main(int argc, char **argv);
int demo_main(int argc, char **argv);

/* Takes `-c FILE` off; anything else is a mistake, said on standard error. NULL then. */
const char *command_file(int argc, char **argv);

/* The named file, checked, and what it leads to; both the caller's. NULL when anything is not right:
 * all of it was said on standard error. */
struct config *command_load(const char *file, struct plan *plan);

/* The same for text that comes with the program. */
struct config *command_load_text(const char *name, const char *text, struct plan *plan);

#endif
