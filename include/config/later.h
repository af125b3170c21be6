/* later - keys that are settled and documented, but whose feature is not in this version: a file that has one is
 * refused with what it would mean, and never accepted and ignored. A row moves to keys.c with its feature. */
#ifndef TAILSPLICE_CONFIG_LATER_H
#define TAILSPLICE_CONFIG_LATER_H

#include "config/model.h"

struct later_key {
	enum section_kind kind;
	const char *name;
	const char *values;   /* type, range, unit suffixes: as it would be expected */
	const char *fallback; /* NULL: none */
	const char *help;     /* one sentence */
};

const struct later_key *later_keys(size_t *count);

/* NULL: no such key is planned in that section ([defaults]: in [listen] or [backend]). */
const struct later_key *later_find(enum section_kind kind, const char *name);

#endif
