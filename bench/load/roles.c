/* roles - ports that echo, swallow or pour out bytes. */
#include <err.h>
#include <errno.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "net.h"
#include "pattern.h"
#include "session.h"

static void start_nothing(struct session *s)
{
	(void)s;
}

static void sink_take(struct session *s, const uint8_t *bytes, size_t n)
{
	if (session_verify && !pattern_holds(&pattern_bytes, s->offset, bytes, n)) {
		warnx("sink: wrong bytes within %zu after %llu", n, (unsigned long long)s->offset);
		session_reset(s);
	}
	s->offset += n;
}

static void source_start(struct session *s)
{
	net_watch(session_epoll, EPOLL_CTL_MOD, s->fd, EPOLLIN | EPOLLOUT, &s->watch);
}

static void source_take(struct session *s, const uint8_t *bytes, size_t n)
{
	(void)s;
	(void)bytes;
	(void)n;
}

static void source_give(struct session *s)
{
	ssize_t sent = send(s->fd, pattern_at(&pattern_bytes, s->offset), PATTERN_SPAN / 2, 0);

	if (sent > 0)
		s->offset += (uint64_t)sent;
	else if (errno != EAGAIN)
		session_close(s);
}

const struct role role_echo = { "echo", start_nothing, session_send, NULL, NULL };
const struct role role_sink = { "sink", start_nothing, sink_take, NULL, NULL };
const struct role role_source = { "source", source_start, source_take, source_give, NULL };
