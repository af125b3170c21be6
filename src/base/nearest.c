#include "base/nearest.h"

#include <stdio.h>
#include <string.h>

#include "base/bits.h"

/* No known word is longer. */
#define LENGTH_MAX 40

/* Optimal string alignment: letters put in, left out, replaced, or two changed about (Damerau 1964).
 * Rows of the table that are still needed: this one and the two before. */
static size_t distance(const char *a, size_t alen, const char *b, size_t blen)
{
	size_t rows[3][LENGTH_MAX + 1];

	for (size_t j = 0; j <= blen; j++)
		rows[0][j] = j;
	for (size_t i = 1; i <= alen; i++) {
		size_t *now = rows[i % 3], *last = rows[(i + 2) % 3], *before = rows[(i + 1) % 3];

		now[0] = i;
		for (size_t j = 1; j <= blen; j++) {
			now[j] = last[j - 1] + (a[i - 1] != b[j - 1]);
			now[j] = min_of(now[j], min_of(last[j], now[j - 1]) + 1);
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
				now[j] = min_of(now[j], before[j - 2] + 1);
		}
	}
	return rows[alen % 3][blen];
}

void nearest_start(struct nearest *n, const char *word)
{
	/* Further away it would be a guess. */
	*n = (struct nearest){
		.word = word,
		.distance = min_of(max_of(strlen(word) / 3, (size_t)1), (size_t)3) + 1,
	};
}

void nearest_try(struct nearest *n, const char *known)
{
	size_t alen = strlen(n->word), blen = strlen(known), d;

	if (alen > LENGTH_MAX || blen > LENGTH_MAX)
		return;
	d = distance(n->word, alen, known, blen);
	/* As far as the word is long, nothing of it is left. */
	if (d > n->distance || d >= alen)
		return;
	if (d < n->distance)
		n->best = known;
	else if (n->best && strcmp(n->best, known) != 0)
		n->best = NULL; /* 'v3' is neither v1 nor v2 */
	n->distance = d;
}

char *nearest_text(const struct nearest *n, char out[static NEAREST_TEXT])
{
	snprintf(out, NEAREST_TEXT, n->best ? ", did you mean '%s'?" : "%s",
		 n->best ? n->best : "");
	return out;
}
