#include "cmd/command.h"

#include <stdio.h>
#include <string.h>

#include "edge/judge.h"

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

static struct config *say(struct config *c, struct report *report)
{
	report_print(report, stderr);
	report_finish(report);
	return c;
}

struct config *command_load(const char *file, struct plan *plan)
{
	struct report report;

	report_init(&report, file);
	return say(judge_file(file, plan, &report), &report);
}

struct config *command_load_text(const char *name, const char *text, struct plan *plan)
{
	struct report report;

	report_init(&report, name);
	return say(judge_text(name, text, plan, &report), &report);
}
