/* A configuration file of any bytes: a value or complaints, each with a text, nothing leaked. */
#include "config/config.h"
#include "config/lint.h"
#include "edge/plan.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	struct report report;
	struct config *c;
	struct plan plan;
	const struct lint_facts facts = { .first_free_port = 1024,
					  .fd_limit = 20000,
					  .max_flows = 9000 };

	report_init(&report, "fuzz.ini");
	c = config_parse("fuzz.ini", (const char *)bytes, size, &report);
	MUST(c);
	plan_make(&plan, c, &report);
	lint_config(c, &facts, &report);
	for (size_t i = 0; i < report.count; i++)
		MUST(report.at[i].text[0]);
	for (size_t i = 0; i < plan.count && !report.errors; i++)
		MUST(plan.at[i].to->backend && plan.at[i].path && addr_port(&plan.at[i].at));
	plan_free(&plan);
	config_free(c);
	report_finish(&report);
	return 0;
}
