#include "relay/held.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

struct rest {
	size_t at, len;
	uint8_t bytes[];
};

bool held_bytes(const struct half *h)
{
	return h->rest || (h->pipe && h->pipe->held);
}

static enum pump flush_rest(struct relay *r, struct half *h)
{
	struct rest *rest = h->rest;
	ssize_t n;

	n = send(half_dst(r, h)->fd, rest->bytes + rest->at, rest->len - rest->at,
		 MSG_DONTWAIT | MSG_NOSIGNAL);
	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? PUMP_FULL : PUMP_DST_FAILED;
	rest->at += (size_t)n;
	h->moved += (uint64_t)n;
	if (rest->at < rest->len)
		return PUMP_FULL;
	free(rest);
	h->rest = NULL;
	return PUMP_MORE;
}

static enum pump flush_pipe(struct relay *r, struct half *h)
{
	struct pipe *p = h->pipe;
	ssize_t n;

	while (p->held) {
		n = splice(p->out, NULL, half_dst(r, h)->fd, NULL, p->held,
			   SPLICE_F_NONBLOCK | SPLICE_F_MOVE);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == EAGAIN ? PUMP_FULL : PUMP_DST_FAILED;
		p->held -= (size_t)n;
		h->moved += (uint64_t)n;
	}
	return PUMP_MORE;
}

enum pump held_flush(struct relay *r, struct half *h)
{
	enum pump result = PUMP_MORE;

	if (h->rest)
		result = flush_rest(r, h);
	if (result == PUMP_MORE && h->pipe)
		result = flush_pipe(r, h);
	return result;
}

enum pump held_keep(struct half *h, const uint8_t *bytes, size_t n)
{
	struct rest *rest = malloc(sizeof(*rest) + n);

	if (!rest)
		return PUMP_FAILED;
	rest->at = 0;
	rest->len = n;
	memcpy(rest->bytes, bytes, n);
	h->rest = rest;
	return PUMP_FULL;
}

/* splice(2) on a socket heeds O_NONBLOCK of the file, not only SPLICE_F_NONBLOCK. */
static void make_nonblocking(struct leg *leg)
{
	if (leg->nonblocking)
		return;
	fcntl(leg->fd, F_SETFL, fcntl(leg->fd, F_GETFL) | O_NONBLOCK);
	leg->nonblocking = true;
}

bool held_borrow_pipe(struct relay *r, struct half *h)
{
	if (h->pipe)
		return true;
	h->pipe = pipes_get(r->host->pipes);
	if (!h->pipe)
		return false;
	make_nonblocking(&r->leg[CLIENT]);
	make_nonblocking(&r->leg[SERVER]);
	r->spliced = true;
	return true;
}

void held_return_pipe(struct relay *r, struct half *h)
{
	if (!h->pipe || h->pipe->held)
		return;
	pipes_put(r->host->pipes, h->pipe);
	h->pipe = NULL;
}

void held_cancel(struct ring *ring, struct half *h)
{
	if (h->flight)
		ring_cancel(ring, &h->flight->op);
}

void held_release(struct pipes *pipes, struct half *h)
{
	free(h->rest);
	h->rest = NULL;
	pipes_put(pipes, h->pipe);
	h->pipe = NULL;
	free(h->flight);
	h->flight = NULL;
}
