/* ini - an INI file as a list of sections and entries with their lines, by inih.
 *
 * inih alone would lose what an operator needs: its handler gets no line number, it cuts long
 * lines and names silently, cannot be seen to skip an empty section, and merges sections of one
 * name. So it reads through our own reader, which counts lines and complains. */
#ifndef TAILSPLICE_CONFIG_INI_H
#define TAILSPLICE_CONFIG_INI_H

#include <stdbool.h>
#include <stddef.h>

#include "config/report.h"

/* Nobody writes more; judging them would take longer than anybody waits. */
#define INI_LINES_MAX	 50000
#define INI_SECTIONS_MAX 10000

struct ini_entry {
	int line;
	char *key, *value;
	bool continued; /* an indented line: one more value of the key above it */
};

struct ini_section {
	int line;
	char *name; /* what stands in the brackets */
	struct ini_entry *at;
	size_t count;
};

struct ini {
	struct ini_section *at;
	size_t count;
};

/* Reads bytes of a file. Complaints go to the report; the value is usable all the same, so that
 * what follows can be judged too. */
void ini_read(struct ini *out, const char *bytes, size_t len, struct report *report);

/* Adds the sections of one more file, whose lines are counted from before + 1. */
void ini_add(struct ini *out, const char *bytes, size_t len, int before, struct report *report);
void ini_free(struct ini *ini);

#endif
