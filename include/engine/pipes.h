/* pipes - one worker's stock of pipes for spliced bytes.
 * A pipe is borrowed for as long as it holds bytes. It comes back empty, or it is closed: bytes
 * of one flow can never reach another. pipes_get() answers NULL when the budget is spent or the
 * kernel refuses (pipe-user-pages-soft, descriptors); the caller copies instead.
 * Used by its own worker only. */
#ifndef TAILSPLICE_ENGINE_PIPES_H
#define TAILSPLICE_ENGINE_PIPES_H

#include <stddef.h>

#include "base/bits.h"

struct pipe {
	struct pipe *next;
	int in, out; /* write to in, read from out */
	size_t room; /* bytes it takes at most (F_GETPIPE_SZ) */
	size_t held; /* bytes inside; kept by whoever borrows it */
};

struct pipes {
	struct pipe *idle;
	size_t nidle, nopen, budget;
	size_t low; /* the fewest idle since the last trim: so many were not needed */
};

/* budget: pipes open at a time, at most. */
void pipes_init(struct pipes *ps, size_t budget);

/* All borrowed pipes must be back. */
void pipes_finish(struct pipes *ps);

struct pipe *pipes_get(struct pipes *ps);

/* Accepts NULL. */
void pipes_put(struct pipes *ps, struct pipe *p);

/* Closes the pipes that nobody needed since the last call. */
void pipes_trim(struct pipes *ps);

#endif
