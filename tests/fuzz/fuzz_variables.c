/* A .env file and a value that uses it, with a NUL between the two. */
#include "config/variables.h"

#include <string.h>

#include "fuzz.h"

/* What a value becomes has an end, and stands for itself once its dollars are doubled. */
static void judge(const char *value)
{
	size_t len = strlen(value), used = 0;
	char *again = malloc(2 * len + 1), *same, why[200];
	const struct variables none = { 0 };

	MUST(len <= VARIABLES_VALUE_MAX);
	for (size_t i = 0; i < len; i++) {
		if (value[i] == '$')
			again[used++] = '$';
		again[used++] = value[i];
	}
	again[used] = '\0';
	same = variables_expand(&none, again, why, sizeof(why));
	MUST(same && strcmp(same, value) == 0);
	free(same);
	free(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	const uint8_t *nul = size ? memchr(bytes, 0, size) : NULL;
	size_t env = nul ? (size_t)(nul - bytes) : size;
	size_t rest = nul ? size - env - 1 : 0;
	struct variables v = { 0 };
	struct report report;
	char *text, why[200] = "", *value;

	text = calloc(rest + 1, 1);
	if (rest)
		memcpy(text, nul + 1, rest);
	report_init(&report, ".env");
	variables_read(&v, (const char *)bytes, env, 0, &report);
	for (size_t i = 0; i < v.count; i++)
		MUST(v.at[i].name[0] && !strchr(v.at[i].name, '='));
	for (size_t i = 0; i < report.count; i++)
		MUST(report.at[i].line > 0);
	value = variables_expand(&v, text, why, sizeof(why));
	MUST(value || why[0]);
	if (value)
		judge(value);
	free(value);
	free(text);
	variables_finish(&v);
	report_finish(&report);
	return 0;
}
