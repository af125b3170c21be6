#include "config/report.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/memory.h"

void report_init(struct report *r, const char *file)
{
	*r = (struct report){ .file = file };
}

void report_finish(struct report *r)
{
	for (size_t i = 0; i < r->count; i++)
		free(r->at[i].text);
	free(r->at);
	lines_finish(&r->lines);
	report_init(r, r->file);
}

/* A wrong value in [defaults] is met again in each section that takes it. */
static bool is_known(const struct report *r, const struct complaint *c)
{
	for (size_t i = r->count; i > 0 && r->at[i - 1].line >= c->line; i--)
		if (r->at[i - 1].line == c->line && strcmp(r->at[i - 1].text, c->text) == 0)
			return true;
	return false;
}

static void add(struct report *r, struct complaint c, const char *fmt, va_list args)
{
	size_t i = r->count;

	if (vasprintf(&c.text, fmt, args) < 0)
		panic("out of memory");
	/* It quotes the file, and is shown in terminals. */
	for (char *p = c.text; *p; p++)
		if (iscntrl((unsigned char)*p))
			*p = '?';
	if (is_known(r, &c)) {
		free(c.text);
		return;
	}
	r->at = memory_grow(r->at, r->count++, sizeof(*r->at));
	r->errors += !c.warning;
	for (; i > 0 && r->at[i - 1].line > c.line; i--)
		r->at[i] = r->at[i - 1];
	r->at[i] = c;
}

void report_add(struct report *r, int line, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	add(r, (struct complaint){ .line = line }, fmt, args);
	va_end(args);
}

void report_lint(struct report *r, int line, int warning, const char *code, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	add(r, (struct complaint){ .line = line, .warning = warning, .code = code }, fmt, args);
	va_end(args);
}

char *report_format(const struct report *r, const struct complaint *c, char *out, size_t size)
{
	char place[512];

	lines_format(&r->lines, r->file, c->line, place, sizeof(place));
	snprintf(out, size, "%s: %s%s%s%s%s", place, c->warning ? "warning: " : "", c->text,
		 c->code ? " [" : "", c->code ? c->code : "", c->code ? "]" : "");
	return out;
}

void report_print(const struct report *r, FILE *to)
{
	char text[2048];

	for (size_t i = 0; i < r->count; i++)
		fprintf(to, "%s\n", report_format(r, &r->at[i], text, sizeof(text)));
}
