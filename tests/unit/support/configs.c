#include "configs.h"

#include <stdlib.h>

#include "../check.h"
#include "edge/plan.h"

struct config *config_of(const char *text)
{
	struct report report;
	struct config *c;

	report_init(&report, "test.ini");
	c = config_parse("test.ini", text, strlen(text), &report);
	cr_assert(c && !report.count, "line %d: %s", report.count ? report.at[0].line : 0,
		  report.count ? report.at[0].text : "no complaint");
	report_finish(&report);
	return c;
}

void expect_reported(const struct report *r, const char *wanted, const char *label)
{
	char *copy = strdup(wanted), *rest = copy, *word;
	size_t i = 0;

	while ((word = *copy ? strsep(&rest, "|") : NULL)) {
		char *text = strchr(word, ':') + 1;

		if (i < r->count)
			cr_expect(r->at[i].line == atoi(word) &&
					  strncmp(r->at[i].text, text, strlen(text)) == 0,
				  "%s: %d:%s, expected %s", label, r->at[i].line, r->at[i].text,
				  word);
		else
			cr_expect(false, "%s: nothing said of %s", label, word);
		i++;
	}
	for (; i < r->count; i++)
		cr_expect(false, "%s: unexpected %d:%s", label, r->at[i].line, r->at[i].text);
	free(copy);
}

void expect_complaints(const char *text, const char *wanted, const char *label)
{
	struct report report;
	struct config *c;
	struct plan plan;

	report_init(&report, "test.ini");
	c = config_parse("test.ini", text, strlen(text), &report);
	plan_make(&plan, c, &report);
	expect_reported(&report, wanted, label);
	plan_free(&plan);
	config_free(c);
	report_finish(&report);
}
