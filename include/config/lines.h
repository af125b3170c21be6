/* lines - one count of lines through all files of a configuration, so that a number alone says
 * where something stands: the main file's lines are what they are, each included file's begin
 * far behind. */
#ifndef TAILSPLICE_CONFIG_LINES_H
#define TAILSPLICE_CONFIG_LINES_H

#include <stddef.h>

struct lines {
	struct lines_file {
		char *name;
		int before; /* its first line is before + 1 */
	} * at;
	size_t count;
};

/* Included files, at most. */
#define LINES_FILES 200

/* A new file; what to add to its own numbers. -1: there are LINES_FILES already. */
int lines_add(struct lines *l, const char *name);

/* "FILE:LINE", or "FILE" for line 0; `file` is the main one's name. Returns `out`. */
char *lines_format(const struct lines *l, const char *file, int line, char *out, size_t size);

/* For the middle of a sentence: "line 7", or "line 7 of FILE" in an included one. Returns `out`. */
#define LINES_TEXT 160
char *lines_words(const struct lines *l, int line, char out[static LINES_TEXT]);

/* *to is empty, or finished before. */
void lines_copy(struct lines *to, const struct lines *from);
void lines_finish(struct lines *l);

#endif
