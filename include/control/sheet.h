/* sheet - the parts that answers for people are put together from: labelled words, sentences, cells of a
 * table. What comes from elsewhere is cleaned (text.h). Any thread. */
#ifndef TAILSPLICE_CONTROL_SHEET_H
#define TAILSPLICE_CONTROL_SHEET_H

#include <jansson.h>
#include <stddef.h>
#include <stdio.h>

#include "control/table.h"

struct sheet {
	FILE *to;
	size_t width; /* columns */
};

/* "label  words", folded to the width. */
__attribute__((format(printf, 3, 4))) void sheet_put(const struct sheet *s, const char *label,
						     const char *fmt, ...);

/* {"idle": 3, "drain": 1} as "label  idle 3, drain 1". */
void sheet_counts(const struct sheet *s, const char *label, const json_t *counts);

/* One line. */
__attribute__((format(printf, 2, 3))) void sheet_say(FILE *to, const char *fmt, ...);

/* The member `key` of the row as the next cell: a number, bytes, milliseconds. */
void sheet_cell_count(struct table *t, const json_t *row, const char *key);
void sheet_cell_bytes(struct table *t, const json_t *row, const char *key);
void sheet_cell_span(struct table *t, const json_t *row, const char *key);

#endif
