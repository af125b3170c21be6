#include "base/memory.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"

void *memory_zeroed(size_t count, size_t size)
{
	void *p = calloc(count ? count : 1, size);

	if (!p)
		panic("out of memory");
	return p;
}

void *memory_grow(void *at, size_t count, size_t size)
{
	void *more = at;

	/* It is full whenever the count is a power of two; after something was removed, it is no fuller. */
	if (!at || (count & (count - 1)) == 0)
		more = reallocarray(at, count ? 2 * count : 1, size);
	if (!more)
		panic("out of memory");
	return more;
}

char *memory_text(const char *text, size_t len)
{
	char *copy = strndup(text, len);

	if (!copy)
		panic("out of memory");
	return copy;
}
