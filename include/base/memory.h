/* memory - allocation that cannot fail, for what is built at start, at a reload or for the
 * operator: there the process is not worth more than the memory it asks for. Flows use
 * malloc(3) and end one by one when there is none. May be called from any thread. */
#ifndef TAILSPLICE_BASE_MEMORY_H
#define TAILSPLICE_BASE_MEMORY_H

#include <stddef.h>

/* calloc(3), or panic(). Never NULL, not even for nothing. */
void *memory_zeroed(size_t count, size_t size);

/* Room for count + 1 elements of `size` bytes; `at` is NULL, or came from here. Doubles, so that many calls are cheap. */
void *memory_grow(void *at, size_t count, size_t size);

/* The first `len` bytes of a text, or up to its NUL, as a text of its own. */
char *memory_text(const char *text, size_t len);

#endif
