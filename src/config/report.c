#include "config/report.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"

void report_init(struct report *r, const char *file)
{
	*r = (struct report){ .file = file };
}

void report_finish(struct report *r)
{
	for (size_t i = 0; i < r->count; i++)
		free(r->at[i].text);
	free(r->at);
	report_init(r, r->file);
}

/* A wrong value in [defaults] is met again in each section that takes it. */
static bool is_known(const struct report *r, const struct complaint *c)
{
	for (size_t i = 0; i < r->count; i++)
		if (r->at[i].line == c->line && strcmp(r->at[i].text, c->text) == 0)
			return true;
	return false;
}

void report_add(struct report *r, int line, const char *fmt, ...)
{
	struct complaint *at = realloc(r->at, (r->count + 1) * sizeof(*at));
	struct complaint new = { .line = line };
	size_t i = r->count;
	va_list args;

	if (!at)
		panic("out of memory");
	r->at = at;
	va_start(args, fmt);
	if (vasprintf(&new.text, fmt, args) < 0)
		panic("out of memory");
	va_end(args);
	if (is_known(r, &new)) {
		free(new.text);
		return;
	}
	for (; i > 0 && at[i - 1].line > line; i--)
		at[i] = at[i - 1];
	at[i] = new;
	r->count++;
}

void report_print(const struct report *r, FILE *to)
{
	for (size_t i = 0; i < r->count; i++) {
		if (r->at[i].line)
			fprintf(to, "%s:%d: %s\n", r->file, r->at[i].line, r->at[i].text);
		else
			fprintf(to, "%s: %s\n", r->file, r->at[i].text);
	}
}
