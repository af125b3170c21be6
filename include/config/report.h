/* report - what is wrong with a configuration: every complaint with its line, not the first. */
#ifndef TAILSPLICE_CONFIG_REPORT_H
#define TAILSPLICE_CONFIG_REPORT_H

#include <stddef.h>
#include <stdio.h>

struct report {
	const char *file; /* lent */
	struct complaint {
		int line; /* 0: the file as a whole */
		char *text;
	} * at;
	size_t count;
};

void report_init(struct report *r, const char *file);
void report_finish(struct report *r);

/* One line, no newline, the most useful words first. */
__attribute__((format(printf, 3, 4))) void report_add(struct report *r, int line, const char *fmt,
						      ...);

/* "FILE:LINE: text" each, in the order of lines. */
void report_print(const struct report *r, FILE *to);

#endif
