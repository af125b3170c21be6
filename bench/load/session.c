#include <err.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "net.h"
#include "pattern.h"
#include "session.h"

int session_epoll;
bool session_verify, session_headed;
static uint8_t scratch[PATTERN_SPAN];

static void end(struct session *s, void (*how)(int fd))
{
	if (s->ended)
		return;
	s->ended = true;
	if (s->role->left)
		s->role->left(s);
	how(s->fd);
}

static void close_fd(int fd)
{
	close(fd);
}

void session_close(struct session *s)
{
	end(s, close_fd);
}

void session_reset(struct session *s)
{
	end(s, net_reset);
}

void session_send(struct session *s, const uint8_t *bytes, size_t n)
{
	ssize_t sent = send(s->fd, bytes, n, 0);

	if (sent < 0 && errno != EAGAIN) {
		session_reset(s);
		return;
	}
	sent = sent < 0 ? 0 : sent;
	if ((size_t)sent == n)
		return;
	s->nrest = n - (size_t)sent;
	s->done = 0;
	s->rest = malloc(s->nrest);
	if (!s->rest)
		err(1, "malloc");
	memcpy(s->rest, bytes + sent, s->nrest);
	net_watch(session_epoll, EPOLL_CTL_MOD, s->fd, EPOLLOUT, &s->watch);
}

static void send_rest(struct session *s)
{
	ssize_t sent = send(s->fd, s->rest + s->done, s->nrest - s->done, 0);

	if (sent < 0) {
		if (errno != EAGAIN)
			session_reset(s);
		return;
	}
	s->done += (size_t)sent;
	if (s->done < s->nrest)
		return;
	free(s->rest);
	s->rest = NULL;
	net_watch(session_epoll, EPOLL_CTL_MOD, s->fd, EPOLLIN, &s->watch);
}

static void enter(struct session *s, const uint8_t *bytes, size_t n)
{
	s->headed = true;
	s->role->start(s);
	if (n && !s->ended)
		s->role->take(s, bytes, n);
}

static void take_head(struct session *s, const uint8_t *bytes, size_t n)
{
	size_t held = s->nhead, fits = sizeof(s->head) - held;
	int length;

	memcpy(s->head + held, bytes, n < fits ? n : fits);
	s->nhead += n < fits ? n : fits;
	length = proxyhead_length(s->head, s->nhead);
	if (length < 0) {
		warnx("%s: a connection did not start with a PROXY header", s->role->name);
		session_reset(s);
	} else if (length > 0) {
		/* The header's last byte is among these, or an earlier call would have found it. */
		enter(s, bytes + ((size_t)length - held), n - ((size_t)length - held));
	}
}

static void receive(struct session *s)
{
	ssize_t n = recv(s->fd, scratch, sizeof(scratch), 0);

	if (n < 0 && errno == EAGAIN)
		return;
	if (n <= 0)
		session_close(s);
	else if (s->headed)
		s->role->take(s, scratch, (size_t)n);
	else
		take_head(s, scratch, (size_t)n);
}

static void session_ready(struct watch *w, uint32_t events)
{
	struct session *s = (struct session *)w;

	if (s->rest) {
		send_rest(s);
	} else {
		if (events & EPOLLOUT)
			s->role->give(s);
		if (!s->ended && events & ~(uint32_t)EPOLLOUT)
			receive(s);
	}
	if (s->ended) {
		free(s->rest);
		free(s);
	}
}

void session_open(int fd, const struct role *role)
{
	struct session *s = calloc(1, sizeof(*s));

	if (!s)
		err(1, "calloc");
	s->watch.ready = session_ready;
	s->fd = fd;
	s->role = role;
	net_watch(session_epoll, EPOLL_CTL_ADD, fd, EPOLLIN, &s->watch);
	if (!session_headed)
		enter(s, NULL, 0);
}
