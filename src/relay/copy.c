#include "relay/copy.h"

#include <errno.h>
#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "relay/held.h"

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

bool copy_at_mark(int fd)
{
	int at_mark = 0;

	return ioctl(fd, SIOCATMARK, &at_mark) == 0 && at_mark;
}

enum pump copy_pump(struct relay *r, struct half *h)
{
	struct relay_host *host = r->host;
	int src = half_src(r, h)->fd;
	enum pump result = held_flush(r, h);
	ssize_t n;

	for (int i = 0; i < SHARE && result == PUMP_MORE; i++) {
		n = recv(src, host->buffer, host->buffer_size, MSG_DONTWAIT);
		if (n == 0)
			return PUMP_EOF;
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == EAGAIN ? PUMP_DRY : PUMP_SRC_FAILED;
		result = send_on(r, h, host->buffer, (size_t)n);
		/* A short read emptied the socket: what comes later is a new event. Not so before
		 * the end, which would be missed. */
		if (result == PUMP_MORE && (size_t)n < host->buffer_size && !h->to_end &&
		    !copy_at_mark(src))
			return PUMP_DRY;
	}
	return result;
}

const struct path path_copy = { .name = "copy",
				.help = "recv and send through one buffer: small messages",
				.pump = copy_pump };
