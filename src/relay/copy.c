#include "relay/copy.h"

#include <errno.h>
#include <sys/socket.h>

#include "relay/held.h"
#include "relay/marks.h"
#include "relay/outbox.h"

/* Buffers moved before other flows get their turn. */
#define SHARE 4

static enum pump send_on(struct relay *r, struct half *h, const uint8_t *bytes, size_t n)
{
	ssize_t sent = send(half_dst(r, h)->fd, bytes, n, MSG_DONTWAIT | MSG_NOSIGNAL);

	if (sent < 0 && errno != EAGAIN && errno != EINTR)
		return PUMP_DST_FAILED;
	if (sent > 0)
		h->moved += (uint64_t)sent;
	if (sent == (ssize_t)n)
		return PUMP_MORE;
	return held_keep(h, bytes + max_of(sent, 0), n - (size_t)max_of(sent, 0));
}

/* A short read emptied the socket: what comes later is a new event. Not so at a mark, nor before the end, which would be
 * missed. */
static bool emptied(struct relay *r, struct half *h, bool together)
{
	if (h->to_end)
		return false;
	return (together && marks_put_off(r, h)) || !marks_here(half_src(r, h)->fd);
}

static enum pump move(struct relay *r, struct half *h, uint8_t *at, size_t room, bool together)
{
	ssize_t n = recv(half_src(r, h)->fd, at, room, MSG_DONTWAIT);
	enum pump result;

	if (n == 0)
		return PUMP_EOF;
	if (n < 0 && errno == EINTR)
		return PUMP_MORE;
	if (n < 0)
		return errno == EAGAIN ? PUMP_DRY : PUMP_SRC_FAILED;
	if (together && n <= OUTBOX_MOST && (size_t)n < room) {
		outbox_post(r, h, (size_t)n);
		return emptied(r, h, true) ? PUMP_DRY : PUMP_MORE;
	}
	outbox_push(r->host);
	result = send_on(r, h, at, (size_t)n);
	return result == PUMP_MORE && (size_t)n < room && emptied(r, h, together) ? PUMP_DRY
										  : result;
}

static enum pump pump(struct relay *r, struct half *h, bool together)
{
	struct relay_host *host = r->host;
	enum pump result = held_flush(r, h);

	for (int i = 0; i < SHARE && result == PUMP_MORE && !h->posted; i++) {
		size_t room;
		uint8_t *at = together ? outbox_room(host->outbox, &room) : NULL;

		if (at)
			result = move(r, h, at, min_of(room, host->buffer_size), true);
		else
			result = move(r, h, host->buffer, host->buffer_size, false);
	}
	return result;
}

enum pump copy_pump(struct relay *r, struct half *h)
{
	return pump(r, h, false);
}

enum pump copy_pump_together(struct relay *r, struct half *h)
{
	return pump(r, h, true);
}

const struct path path_copy = { .name = "copy",
				.help = "recv and send through one buffer: small messages",
				.pump = copy_pump_together };
