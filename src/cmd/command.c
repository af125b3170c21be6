#include "cmd/command.h"

#include <stdio.h>
#include <string.h>

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

static struct config *judge(struct config *c, struct plan *plan, struct report *report)
{
	*plan = (struct plan){ 0 };
	if (c)
		plan_make(plan, c, report);
	report_print(report, stderr);
	if (report->errors) {
		plan_free(plan);
		config_free(c);
		c = NULL;
	}
	report_finish(report);
	return c;
}

struct config *command_load(const char *file, struct plan *plan)
{
	struct report report;

	report_init(&report, file);
	return judge(config_load(file, &report), plan, &report);
}

struct config *command_load_text(const char *name, const char *text, struct plan *plan)
{
	struct report report;

	report_init(&report, name);
	return judge(config_parse(name, text, strlen(text), &report), plan, &report);
}
