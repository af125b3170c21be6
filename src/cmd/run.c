#include "cmd/command.h"
#include "edge/edge.h"

int run_main(int argc, char **argv)
{
	const char *file = command_file(argc, argv);
	struct plan plan;
	struct config *c = file ? command_load(file, &plan) : NULL;
	int status;

	if (!c)
		return EXIT_MISTAKE;
	status = (int)edge_run(c, &plan);
	plan_free(&plan);
	config_free(c);
	return status;
}
