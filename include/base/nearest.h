/* nearest - which known word a mistyped one was meant to be. Pure; any thread. */
#ifndef TAILSPLICE_BASE_NEAREST_H
#define TAILSPLICE_BASE_NEAREST_H

#include <stddef.h>

struct nearest {
	const char *word, *best; /* best NULL: nothing is near, or several are equally */
	size_t distance;
};

/* `word` may be anything; it is lent. Then nearest_try() for each known word; then n->best. */
void nearest_start(struct nearest *n, const char *word);
void nearest_try(struct nearest *n, const char *known);

/* ", did you mean 'WORD'?" or "". The buffer is the caller's; returns it. */
#define NEAREST_TEXT 96
char *nearest_text(const struct nearest *n, char out[static NEAREST_TEXT]);

#endif
