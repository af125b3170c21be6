/* keys - the table of everything that may stand in the configuration: one row a key.
 * Reading, defaults, `check --keys`, `check --reference` and the tests all come from it. */
#ifndef TAILSPLICE_CONFIG_KEYS_H
#define TAILSPLICE_CONFIG_KEYS_H

#include <stdbool.h>
#include <stddef.h>

#include "config/model.h"

struct key {
	const char *name;
	size_t offset; /* of its field in the section's struct */
	/* NULL, or what was expected. See value.h. */
	const char *(*set)(const struct key *k, void *field, const char *text);
	const char *fallback; /* as it would be written; NULL: none */
	const char *shown; /* the reference's value where there is no fallback, or a better one */
	const char *help;  /* one sentence */
	unsigned long long min, max;
	const char *const *words; /* a choice's, NULL-terminated */
	bool repeats;		  /* may be given again: one more value */
	bool continues;		  /* an indented line below adds values */
	bool required;
	bool secret;  /* its value is repeated nowhere */
	const char *instead; /* required only where this one is not given */
	bool example;	     /* shown is one, and not what holds when the key is not given */
};

/* Rows of [global], [listen NAME] or [backend NAME]; *count of them. [defaults] has none of
 * its own: it takes those of listen and backend. */
const struct key *keys_of(enum section_kind kind, size_t *count);

/* Where the last value set() added came from, if the field keeps that: servers and routes do. */
void key_note_line(const struct key *k, void *field, int line);

/* The row of that name, or NULL. */
const struct key *key_find(enum section_kind kind, const char *name);

/* True when the file (or its [defaults]) says so, and not the table. */
bool key_is_given(enum section_kind kind, const struct section *s, const char *name);

/* The word in brackets: global, defaults, listen, backend. */
const char *section_word(enum section_kind kind);

/* Where `name` was given in this section; the section's own line when it was not. */
int key_line(enum section_kind kind, const struct section *s, const char *name);

#endif
