#include "control/sheet.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>

#include "base/bits.h"
#include "base/log.h"
#include "control/field.h"
#include "control/text.h"

/* Where the words of a status begin. */
#define INDENT 10

static char *words_of(const char *fmt, va_list args)
{
	char *words;

	if (vasprintf(&words, fmt, args) < 0)
		panic("out of memory");
	return text_clean(words);
}

void sheet_put(const struct sheet *s, const char *label, const char *fmt, ...)
{
	va_list args;
	char *words;

	va_start(args, fmt);
	words = words_of(fmt, args);
	va_end(args);
	text_field(s->to, label, INDENT, s->width, words);
	free(words);
}

void sheet_say(FILE *to, const char *fmt, ...)
{
	va_list args;
	char *words;

	va_start(args, fmt);
	words = words_of(fmt, args);
	va_end(args);
	fprintf(to, "%s\n", words);
	free(words);
}

void sheet_counts(const struct sheet *s, const char *label, const json_t *counts)
{
	char *words, figure[TEXT_FIGURE];
	const char *name;
	size_t length;
	FILE *scratch = open_memstream(&words, &length);
	json_t *n;

	if (!scratch)
		panic("out of memory");
	json_object_foreach((json_t *)counts, name, n)
		fprintf(scratch, "%s%s %s", ftell(scratch) ? ", " : "", name,
			text_count((uint64_t)max_of(json_integer_value(n), (json_int_t)0), figure));
	if (fclose(scratch) != 0)
		panic("out of memory");
	sheet_put(s, label, "%s", *words ? words : "none");
	free(words);
}

void sheet_cell_count(struct table *t, const json_t *row, const char *key)
{
	char figure[TEXT_FIGURE];

	table_cell(t, text_count(field_u64(row, key), figure));
}

void sheet_cell_bytes(struct table *t, const json_t *row, const char *key)
{
	char figure[TEXT_FIGURE];

	table_cell(t, text_bytes(field_u64(row, key), figure));
}

void sheet_cell_span(struct table *t, const json_t *row, const char *key)
{
	char figure[TEXT_FIGURE];

	table_cell(t, text_span(field_u64(row, key), figure));
}
