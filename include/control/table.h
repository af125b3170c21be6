/* table - words in aligned columns, for a terminal. Cells are copied and cleaned (text.h). Any thread. */
#ifndef TAILSPLICE_CONTROL_TABLE_H
#define TAILSPLICE_CONTROL_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

struct column {
	const char *title;
	bool right; /* figures */
};

struct table {
	const struct column *columns; /* lent */
	size_t count;		      /* of them */
	size_t *cells;		      /* where each begins in `text`; rows one after the other */
	size_t used, places;
	char *text;
	size_t length, room;
};

/* What does not fit the width: the first column's words get a line of their own, or are cut, or whole
 * lines are cut. No line is ever over the width. */
enum table_fit { TABLE_FOLD, TABLE_SHORTEN, TABLE_CUT };

void table_init(struct table *t, const struct column *columns, size_t count);

/* The next cell of the row. */
void table_cell(struct table *t, const char *words);

/* Between two rows: a line across all columns. */
void table_heading(struct table *t, const char *words);

/* The titles, in bold if asked for, and all rows. width 0: no limit. */
void table_print(const struct table *t, FILE *to, size_t width, enum table_fit fit, bool bold);

void table_finish(struct table *t);

#endif
