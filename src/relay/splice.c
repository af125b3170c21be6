#include "relay/splice.h"

#include <errno.h>
#include <fcntl.h>

#include "relay/copy.h"
#include "relay/held.h"
#include "relay/marks.h"
#include "relay/outbox.h"

/* Pipes filled and emptied before other flows get their turn. */
#define SHARE 4

/* The pipe is empty when it is filled, so EAGAIN means that the source is dry: a pipe with bytes
 * in it would make EAGAIN ambiguous (full, or dry). */
static enum pump fill(struct relay *r, struct half *h)
{
	ssize_t n = splice(half_src(r, h)->fd, NULL, h->pipe->in, NULL, h->pipe->room,
			   SPLICE_F_NONBLOCK | SPLICE_F_MOVE);

	if (n > 0) {
		h->pipe->held = (size_t)n;
		return PUMP_MORE;
	}
	if (n == 0)
		return PUMP_EOF;
	if (errno == EINTR)
		return PUMP_MORE;
	return errno == EAGAIN ? PUMP_DRY : PUMP_SRC_FAILED;
}

enum pump splice_pump(struct relay *r, struct half *h)
{
	enum pump result;

	outbox_push(r->host);
	result = held_flush(r, h);
	for (int i = 0; i < SHARE && result == PUMP_MORE; i++) {
		if (!held_borrow_pipe(r, h))
			return copy_pump(r, h);
		result = fill(r, h);
		/* At a mark splice(2) says "dry", or "ended" where the end came too: neither is true. */
		if ((result == PUMP_DRY || result == PUMP_EOF) && marks_here(half_src(r, h)->fd))
			result = copy_pump(r, h);
		if (result == PUMP_MORE)
			result = held_flush(r, h);
	}
	held_return_pipe(r, h);
	return result;
}

const struct path path_splice = { .name = "splice",
				  .help = "splice(2) through a pooled pipe: bulk",
				  .pump = splice_pump };
