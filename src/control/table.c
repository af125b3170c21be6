#include "control/table.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/bits.h"
#include "base/log.h"
#include "base/memory.h"
#include "control/text.h"

/* Between two columns. */
#define GAP 2

/* The first column is not made narrower than that. */
#define FIRST_MIN 12

/* In place of a cell: its row is a heading. */
#define NO_CELL SIZE_MAX

void table_init(struct table *t, const struct column *columns, size_t count)
{
	*t = (struct table){ .columns = columns, .count = count };
}

void table_finish(struct table *t)
{
	free(t->cells);
	free(t->text);
	*t = (struct table){ 0 };
}

/* Room for `more` beyond what is used; twice as much each time, as there may be a million cells. */
static void *grown(void *at, size_t used, size_t more, size_t *room, size_t size)
{
	if (used + more <= *room)
		return at;
	*room = 2 * (used + more);
	at = realloc(at, *room * size);
	if (!at)
		panic("out of memory");
	return at;
}

static void add(struct table *t, size_t at)
{
	t->cells = grown(t->cells, t->used, 1, &t->places, sizeof(*t->cells));
	t->cells[t->used++] = at;
}

void table_cell(struct table *t, const char *words)
{
	size_t size = strlen(words) + 1;

	t->text = grown(t->text, t->length, size, &t->room, 1);
	add(t, t->length);
	memcpy(t->text + t->length, words, size);
	text_clean(t->text + t->length);
	t->length += size;
}

void table_heading(struct table *t, const char *words)
{
	table_cell(t, words);
	for (size_t c = 1; c < t->count; c++)
		add(t, NO_CELL);
}

static bool is_heading(const struct table *t, size_t row)
{
	return t->count > 1 && t->cells[row * t->count + 1] == NO_CELL;
}

static const char *cell(const struct table *t, size_t row, size_t column)
{
	return t->text + t->cells[row * t->count + column];
}

static void measure(const struct table *t, size_t width, enum table_fit fit, size_t *widths)
{
	size_t others = 0;

	for (size_t c = 0; c < t->count; c++) {
		widths[c] = text_columns(t->columns[c].title);
		for (size_t row = 0; row < t->used / t->count; row++)
			if (!is_heading(t, row))
				widths[c] = max_of(widths[c], text_columns(cell(t, row, c)));
		if (c > 0)
			others += widths[c] + GAP;
	}
	if (fit != TABLE_CUT && width > 0 && widths[0] + others > width)
		widths[0] = width > others + FIRST_MIN ? width - others : FIRST_MIN;
}

static void put_blanks(FILE *to, size_t n)
{
	fprintf(to, "%*s", (int)n, "");
}

/* One row into `to`, from that column on; what stands left of it is blank. */
static void put_cells(const struct table *t, FILE *to, const size_t *widths, size_t first,
		      const char *(*words)(const struct table *t, size_t row, size_t column),
		      size_t row)
{
	if (first > 0)
		put_blanks(to, widths[0]);
	for (size_t c = first; c < t->count; c++) {
		const char *w = words(t, row, c);
		size_t len = text_cut(w, widths[c]);
		size_t blanks = widths[c] - min_of(widths[c], text_columns(w));

		put_blanks(to, c > 0 ? GAP : 0);
		if (t->columns[c].right)
			put_blanks(to, blanks);
		fprintf(to, "%.*s", (int)len, w);
		if (!t->columns[c].right && c + 1 < t->count)
			put_blanks(to, blanks);
	}
}

static const char *title(const struct table *t, size_t row, size_t column)
{
	(void)row;
	return t->columns[column].title;
}

static void put_line(FILE *to, const char *line, size_t width, bool bold)
{
	size_t len = width > 0 ? text_cut(line, width) : strlen(line);

	/* A cell may be empty. */
	while (len > 0 && line[len - 1] == ' ')
		len--;
	fprintf(to, bold ? "\033[1m%.*s\033[0m\n" : "%.*s\n", (int)len, line);
}

static void put_row(const struct table *t, FILE *scratch, const size_t *widths, enum table_fit fit,
		    size_t row)
{
	bool alone = is_heading(t, row) ||
		     (fit == TABLE_FOLD && text_columns(cell(t, row, 0)) > widths[0]);

	if (!alone) {
		put_cells(t, scratch, widths, 0, cell, row);
		return;
	}
	fputs(cell(t, row, 0), scratch);
	if (is_heading(t, row))
		return;
	putc('\n', scratch);
	put_cells(t, scratch, widths, 1, cell, row);
}

void table_print(const struct table *t, FILE *to, size_t width, enum table_fit fit, bool bold)
{
	size_t *widths = memory_zeroed(t->count, sizeof(*widths)), length;
	char *text, *rest, *line;
	FILE *scratch = open_memstream(&text, &length);

	if (!scratch)
		panic("out of memory");
	measure(t, width, fit, widths);
	put_cells(t, scratch, widths, 0, title, 0);
	for (size_t row = 0; row < t->used / t->count; row++) {
		putc('\n', scratch);
		put_row(t, scratch, widths, fit, row);
	}
	free(widths);
	if (fclose(scratch) != 0)
		panic("out of memory");
	rest = text;
	for (size_t n = 0; (line = strsep(&rest, "\n")); n++)
		put_line(to, line, width, bold && n == 0);
	free(text);
}
