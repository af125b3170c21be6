#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/command.h"
#include "config/config.h"
#include "edge/edge.h"

const char *command_file(int argc, char **argv)
{
	const char *file = CONFIG_DEFAULT_FILE;

	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "-c") == 0 && i + 1 < argc) {
			file = argv[++i];
		} else {
			fprintf(stderr, "%s: unexpected '%s': see tailsplice %s --help\n", argv[0],
				argv[i], argv[0]);
			return NULL;
		}
	}
	return file;
}

struct config *command_config(const char *file)
{
	struct report report;
	struct config *c;

	report_init(&report, file);
	c = config_load(file, &report);
	report_print(&report, stderr);
	report_finish(&report);
	return c;
}

int run_main(int argc, char **argv)
{
	const char *file = command_file(argc, argv);
	struct config *c = file ? command_config(file) : NULL;
	int status;

	if (!c)
		return EXIT_MISTAKE;
	status = (int)edge_run(c);
	config_free(c);
	return status;
}
