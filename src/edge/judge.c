#include "edge/judge.h"

#include <string.h>

#include "config/config.h"
#include "config/lint.h"
#include "edge/machine.h"

static struct config *judge(struct config *c, struct plan *plan, struct report *report)
{
	struct lint_facts facts;

	*plan = (struct plan){ 0 };
	if (c) {
		plan_make(plan, c, report);
		plan_look_up(plan, c, report);
		machine_facts(&facts, c, plan);
		lint_config(c, &facts, report);
	}
	if (!report->errors)
		return c;
	plan_free(plan);
	config_free(c);
	return NULL;
}

struct config *judge_file(const char *file, struct plan *plan, struct report *report)
{
	return judge(config_load(file, report), plan, report);
}

struct config *judge_text(const char *name, const char *text, struct plan *plan,
			  struct report *report)
{
	return judge(config_parse(name, text, strlen(text), report), plan, report);
}
