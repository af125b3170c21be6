#include "config/lines.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

/* More lines than a file of the size we read can have (CONFIG_SIZE_MAX). */
#define STRIDE 5000000

int lines_add(struct lines *l, const char *name)
{
	if (l->count == LINES_FILES)
		return -1;
	l->at = memory_grow(l->at, l->count++, sizeof(*l->at));
	l->at[l->count - 1] = (struct lines_file){ .name = memory_text(name, strlen(name)),
						   .before = (int)l->count * STRIDE };
	return l->at[l->count - 1].before;
}

/* NULL: the main file. */
static const struct lines_file *find(const struct lines *l, int line)
{
	size_t n = (size_t)line / STRIDE;

	return n && n <= l->count ? &l->at[n - 1] : NULL;
}

char *lines_format(const struct lines *l, const char *file, int line, char *out, size_t size)
{
	const struct lines_file *f = find(l, line);

	if (line)
		snprintf(out, size, "%s:%d", f ? f->name : file, f ? line - f->before : line);
	else
		snprintf(out, size, "%s", file);
	return out;
}

char *lines_words(const struct lines *l, int line, char out[static LINES_TEXT])
{
	const struct lines_file *f = find(l, line);

	if (f)
		snprintf(out, LINES_TEXT, "line %d of %s", line - f->before, f->name);
	else
		snprintf(out, LINES_TEXT, "line %d", line);
	return out;
}

void lines_copy(struct lines *to, const struct lines *from)
{
	*to = (struct lines){ 0 };
	for (size_t i = 0; i < from->count; i++)
		lines_add(to, from->at[i].name);
}

void lines_finish(struct lines *l)
{
	for (size_t i = 0; i < l->count; i++)
		free(l->at[i].name);
	free(l->at);
	*l = (struct lines){ 0 };
}
