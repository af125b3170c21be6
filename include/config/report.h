/* report - what is wrong with a configuration: every complaint with its line, not the first.
 * An error forbids the configuration, a warning does not. */
#ifndef TAILSPLICE_CONFIG_REPORT_H
#define TAILSPLICE_CONFIG_REPORT_H

#include <stddef.h>
#include <stdio.h>

#include "config/lines.h"

struct complaint {
	int line; /* 0: the file as a whole; of an included file as lines.h counts */
	char *text;
	const char *code; /* of a lint (lint.h); NULL: the text says it all */
	int warning;
};

struct report {
	const char *file; /* lent */
	struct complaint *at;
	size_t count;	    /* errors and warnings */
	size_t errors;	    /* of them */
	struct lines lines; /* included files */
};

void report_init(struct report *r, const char *file);
void report_finish(struct report *r);

/* An error. One line, no newline, the most useful words first. */
__attribute__((format(printf, 3, 4))) void report_add(struct report *r, int line, const char *fmt,
						      ...);

/* The same with the code of a lint, as an error or as a warning. */
__attribute__((format(printf, 5, 6))) void report_lint(struct report *r, int line, int warning,
						       const char *code, const char *fmt, ...);

/* "FILE:LINE: text [CODE]" each, warnings with "warning: " before the text, in the order of lines. */
void report_print(const struct report *r, FILE *to);

/* One complaint in that form, without newline. Returns `out`. */
char *report_format(const struct report *r, const struct complaint *c, char *out, size_t size);

#endif
