/* variables - `${NAME}` in values: from the environment, else from a file `.env` (docker compose's
 * and systemd's syntax, as far as both agree). The parsers are pure and take any bytes. */
#ifndef TAILSPLICE_CONFIG_VARIABLES_H
#define TAILSPLICE_CONFIG_VARIABLES_H

#include <stddef.h>

#include "config/report.h"

struct variable {
	char *name, *value;
};

struct variables {
	struct variable *at; /* of .env, in its order; the last of one name holds */
	size_t count;
	const char *(*lookup)(const char *name); /* the environment; NULL: none */
};

/* A value, replaced, is not longer. */
#define VARIABLES_VALUE_MAX 4096

/* Reads a .env, whose lines are counted from before + 1: NAME=VALUE lines, `export` before them allowed; 'literal', "with \n, \", \\ and \$"; # begins a comment
 * on a line of its own and behind an unquoted value. Complaints go to the report. */
void variables_read(struct variables *v, const char *bytes, size_t len, int before,
		    struct report *report);

/* Replaces ${NAME}, ${NAME:-TEXT} (also where NAME is empty) and $$ in a value; what was put in is not
 * looked at again. The result is the caller's. NULL, with words in `why`, when a name is not set or
 * the text is none of these. */
char *variables_expand(const struct variables *v, const char *text, char *why, size_t size);

void variables_finish(struct variables *v);

#endif
