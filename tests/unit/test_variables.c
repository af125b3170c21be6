/* ${NAME} in values and the lines of a .env file. */
#include "config/variables.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/bits.h"
#include "check.h"
#include "support/configs.h"

static const char *environment(const char *name)
{
	return strcmp(name, "HOME") == 0 ? "/root" : strcmp(name, "EMPTY") == 0 ? "" : NULL;
}

static void read_env(struct variables *v, const char *bytes, size_t len, struct report *report)
{
	/* Exactly as long as it is: a read beyond is seen by the address sanitizer. */
	char *copy = malloc(len ? len : 1);

	memcpy(copy, bytes, len);
	*v = (struct variables){ .lookup = environment };
	report_init(report, ".env");
	variables_read(v, copy, len, 0, report);
	free(copy);
}

static void expect_value(const char *env, const char *text, const char *wanted)
{
	struct report report;
	struct variables v;
	char why[300] = "", *value;

	read_env(&v, env, strlen(env), &report);
	expect_reported(&report, "", env);
	value = variables_expand(&v, text, why, sizeof(why));
	cr_expect(value && strcmp(value, wanted) == 0, "%s with %s: got '%s' (%s), expected '%s'",
		  text, env, value ? value : "nothing", why, wanted);
	free(value);
	variables_finish(&v);
	report_finish(&report);
}

Test(variables, values)
{
	static const struct {
		const char *env, *text, *wanted;
	} rows[] = {
		{ "", "", "" },
		{ "", "plain", "plain" },
		{ "", "$$", "$" },
		{ "", "a$$b$${c}", "a$b${c}" },
		{ "", "${HOME}", "/root" },
		{ "", "<${HOME}/x>", "</root/x>" },
		{ "", "${NO:-7}", "7" },
		{ "", "${NO:-}", "" },
		{ "", "${NO:-a:b}${HOME}", "a:b/root" },
		{ "", "${EMPTY}", "" },
		{ "", "${EMPTY:-x}", "x" },
		{ "A=1", "${A}${A}", "11" },
		{ "A=1\nA=2\n", "${A}", "2" },
		{ "HOME=mine", "${HOME}", "/root" },
		{ "EMPTY=mine", "${EMPTY}", "" },
		{ "A=${B}", "${A}", "${B}" },
		{ "_a9=x", "${_a9}", "x" },
		{ "A=1\r\nB=2\r\n", "${A}${B}", "12" },
		{ "\xef\xbb\xbf"
		  "A=1",
		  "${A}", "1" },
		{ "  export\tA = 1 2  ", "<${A}>", "<1 2>" },
		{ "export=1", "${export}", "1" },
		{ "# A=0\n\n \nA=1 # one", "<${A}>", "<1>" },
		{ "A=1#2", "${A}", "1#2" },
		{ "A=#2", "<${A}>", "<#2>" },
		{ "A= # nothing", "<${A}>", "<>" },
		{ "A=", "<${A}>", "<>" },
		{ "A=''", "<${A}>", "<>" },
		{ "A='x # $y \\n' # c", "<${A}>", "<x # $y \\n>" },
		{ "A=\"x \\\"y\\\" \\\\ \\$ \\z\"", "<${A}>", "<x \"y\" \\ $ \\z>" },
		{ "A=\"l\\nm\"", "${A}", "l\nm" },
		{ "A=it's", "${A}", "it's" },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		expect_value(rows[i].env, rows[i].text, rows[i].wanted);
}

Test(variables, wrong_values)
{
	static const struct {
		const char *text, *wanted;
	} rows[] = {
		{ "${NO}",
		  "${NO} is not set: set it in the environment or in .env beside the file, or "
		  "give a default, ${NO:-TEXT}" },
		{ "x${NO}y", "${NO} is not set" },
		{ "${NO", "expected ${NAME} or ${NAME:-TEXT}, not '${NO'" },
		{ "${}", "expected ${NAME} or ${NAME:-TEXT}, not '${}'" },
		{ "${9}", "expected ${NAME}" },
		{ "${A-x}", "expected ${NAME}" },
		{ "${A:=x}", "expected ${NAME}" },
		{ "${A B}", "expected ${NAME}" },
		{ "$", "a lone '$' in '$'" },
		{ "a$b", "a lone '$' in 'a$b'" },
		{ "$(id)", "a lone '$'" },
	};
	struct variables v = { .lookup = environment };
	char why[300];

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		cr_expect(!variables_expand(&v, rows[i].text, why, sizeof(why)), "%s",
			  rows[i].text);
		expect_has(why, rows[i].wanted, rows[i].text);
	}
}

Test(variables, a_value_has_an_end)
{
	struct variables v = { 0 };
	char text[VARIABLES_VALUE_MAX + 2], why[100], *value;

	memset(text, 'x', sizeof(text));
	text[VARIABLES_VALUE_MAX] = '\0';
	value = variables_expand(&v, text, why, sizeof(why));
	cr_expect(value && strcmp(value, text) == 0, "the longest");
	free(value);
	text[VARIABLES_VALUE_MAX] = 'x';
	text[VARIABLES_VALUE_MAX + 1] = '\0';
	cr_expect(!variables_expand(&v, text, why, sizeof(why)));
	expect_has(why, "the value is longer than 4096 characters", "one more");
}

static void expect_wrong(const char *bytes, size_t len, const char *wanted)
{
	struct report report;
	struct variables v;

	read_env(&v, bytes, len, &report);
	expect_reported(&report, wanted, bytes);
	for (size_t i = 0; i < report.count; i++)
		cr_expect(!strstr(report.at[i].text, "secret"), "%s", report.at[i].text);
	variables_finish(&v);
	report_finish(&report);
}

Test(variables, wrong_lines)
{
	static const struct {
		const char *bytes, *wanted;
	} rows[] = {
		{ "secret", "1:expected NAME=VALUE, where NAME has" },
		{ "A=1\n9B=secret\n\nA B=secret\n=secret",
		  "2:expected NAME|4:expected NAME|5:expected NAME" },
		{ "A='secret", "1:expected a quote that is not closed" },
		{ "A=\"secret\\\"", "1:expected a quote" },
		{ "A='x' secret", "1:expected nothing but a comment behind" },
		{ "export", "1:expected NAME=VALUE" },
		{ "export ", "1:expected NAME=VALUE" },
	};
	static const char nul[] = "A=1\nB=sec\0ret\n";

	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		expect_wrong(rows[i].bytes, strlen(rows[i].bytes), rows[i].wanted);
	expect_wrong(nul, sizeof(nul) - 1, "2:expected text, not a NUL byte");
}
