#include "cmd/command.h"
#include "control/supervisor.h"

int run_main(int argc, char **argv)
{
	const char *file = command_file(argc, argv);
	struct plan plan;
	struct config *c = file ? command_load(file, &plan) : NULL;

	return c ? (int)supervisor_run(file, c, &plan) : EXIT_MISTAKE;
}
