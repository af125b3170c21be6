#include "relay/sockmap_check.h"

#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/bits.h"
#include "relay/sockmap_kernel.h"
#include "relay/sockmap_socket.h"

#define PATIENCE 1000 /* ms for each thing that is awaited */
#define AMOUNT	 (96 * 1024)
#define NARROW	 4096

/* outer[0] – leg[0] | leg[1] – outer[1]: client, edge, server. */
struct stand {
	int outer[2];
	struct sockmap_leg leg[2];
	uint64_t before; /* written to leg[1] */
	char *why;
	size_t size;
};

__attribute__((format(printf, 2, 3))) static bool complain(struct stand *s, const char *fmt, ...)
{
	int used = snprintf(s->why, s->size, "the self-test failed: ");
	va_list args;

	va_start(args, fmt);
	vsnprintf(s->why + used, s->size - (size_t)used, fmt, args);
	va_end(args);
	return false;
}

static bool wait_for(int fd, short events)
{
	struct pollfd p = { .fd = fd, .events = events };

	return poll(&p, 1, PATIENCE) == 1 && (p.revents & events);
}

/* Narrow at the far end, so that sending is cut into many short writes. */
static bool open_pair(int *out, int *leg)
{
	struct sockaddr_in at = { .sin_family = AF_INET,
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(at);
	int narrow = NARROW, l = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool ok;

	*out = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	setsockopt(*out, SOL_SOCKET, SO_RCVBUF, &narrow, sizeof(narrow));
	ok = bind(l, (struct sockaddr *)&at, sizeof(at)) == 0 && listen(l, 1) == 0 &&
	     getsockname(l, (struct sockaddr *)&at, &len) == 0 &&
	     connect(*out, (struct sockaddr *)&at, sizeof(at)) == 0;
	if (ok)
		*leg = accept4(l, NULL, NULL, SOCK_CLOEXEC);
	close(l);
	return ok && *leg >= 0;
}

static bool expect_text(struct stand *s, int fd, const char *text, const char *what)
{
	char got[32] = "";
	size_t len = strlen(text), have = 0;

	while (have < len && wait_for(fd, POLLIN)) {
		ssize_t n = recv(fd, got + have, len - have, MSG_DONTWAIT);

		if (n <= 0)
			break;
		have += (size_t)n;
	}
	return (have == len && memcmp(got, text, len) == 0) || complain(s, "%s", what);
}

static bool say(int fd, const char *text)
{
	return send(fd, text, strlen(text), MSG_NOSIGNAL) == (ssize_t)strlen(text);
}

static bool arm(struct stand *s)
{
	for (size_t i = 0; i < 2; i++) {
		*sockmap_slot((uint32_t)i) =
			(struct sockmap_slot){ .rebase = 1, .call_at = UINT64_MAX };
		if (!open_pair(&s->outer[i], &s->leg[i].fd))
			return complain(s, "no TCP over 127.0.0.1: %s", strerror(errno));
		socket_cookie(s->leg[i].fd, &s->leg[i].cookie);
	}
	s->before = socket_written(s->leg[1].fd);
	say(s->outer[0], "early");
	if (!wait_for(s->leg[0].fd, POLLIN) || sockmap_join(0, s->leg) != (BIT(0) | BIT(1)))
		return complain(s, "sockets are not accepted: %s", strerror(errno));
	sockmap_kick(s->leg[0].fd);
	return expect_text(s, s->outer[1], "early", "what had arrived before is not moved") &&
	       say(s->outer[1], "answer") &&
	       expect_text(s, s->outer[0], "answer", "the way back does not work");
}

static uint8_t byte_at(size_t at)
{
	return (uint8_t)(at * 2654435761u >> 13);
}

/* Returns how many bytes were taken, or -1 at a wrong one. */
static ssize_t take(int fd, size_t at)
{
	uint8_t bytes[NARROW];
	ssize_t n = recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT);

	for (ssize_t i = 0; i < n; i++)
		if (bytes[i] != byte_at(at + (size_t)i))
			return -1;
	return max_of(n, (ssize_t)0);
}

static size_t put(int fd, size_t at)
{
	uint8_t bytes[NARROW];
	ssize_t n;

	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = byte_at(at + i);
	n = send(fd, bytes, min_of(sizeof(bytes), AMOUNT - at), MSG_DONTWAIT | MSG_NOSIGNAL);
	return n > 0 ? (size_t)n : 0;
}

/* What the program left to us is sent on by us, as in earnest. */
static void forward(struct stand *s)
{
	volatile struct sockmap_slot *slot = sockmap_slot(0);
	uint8_t bytes[NARROW];
	ssize_t n;

	if (slot->passed == slot->returned ||
	    slot->redirected + slot->returned != socket_written(s->leg[1].fd) - s->before)
		return;
	n = recv(s->leg[0].fd, bytes, sizeof(bytes), MSG_PEEK | MSG_DONTWAIT);
	if (n > 0)
		n = send(s->leg[1].fd, bytes, (size_t)n, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (n > 0 && recv(s->leg[0].fd, bytes, (size_t)n, MSG_DONTWAIT) == n)
		slot->returned += (uint64_t)n;
}

/* More than the reader's buffer holds: each byte once, in order. */
static bool check_integrity(struct stand *s)
{
	size_t sent = 0, got = 0;

	for (int idle = 0; got < AMOUNT && idle < PATIENCE / 10; idle++) {
		struct pollfd p = { .fd = s->outer[1], .events = POLLIN };
		ssize_t n;

		if (sent < AMOUNT)
			sent += put(s->outer[0], sent);
		forward(s);
		if (poll(&p, 1, 10) < 1)
			continue;
		n = take(s->outer[1], got);
		if (n < 0)
			return complain(s, "a wrong byte within %d after byte %zu", NARROW, got);
		got += (size_t)n;
		idle = n ? -1 : idle;
	}
	return got == AMOUNT || complain(s, "%zu of %d bytes arrived", got, AMOUNT);
}

/* An end must be no error of the other leg, whose way back still works. */
static bool check_end(struct stand *s)
{
	volatile struct sockmap_slot *slot = sockmap_slot(0);
	socklen_t len = sizeof(int);
	int error = 0;

	shutdown(s->outer[0], SHUT_WR);
	if (!wait_for(s->leg[0].fd, POLLRDHUP))
		return complain(s, "an end of stream is not seen");
	sockmap_kick(s->leg[0].fd);
	getsockopt(s->leg[1].fd, SOL_SOCKET, SO_ERROR, &error, &len);
	if (error)
		return complain(s, "an end of stream breaks the other side: %s", strerror(error));
	if (socket_received(s->leg[0].fd) - 1 != slot->redirected + slot->passed)
		return complain(s, "bytes are not counted as they come");
	return say(s->outer[1], "late") &&
	       expect_text(s, s->outer[0], "late", "after one end the way back is closed");
}

bool sockmap_check(char *why, size_t size)
{
	struct stand s = {
		.outer = { -1, -1 }, .leg = { { .fd = -1 }, { .fd = -1 } }, .why = why, .size = size
	};
	bool ok = arm(&s) && check_integrity(&s) && check_end(&s);

	if (s.leg[1].fd >= 0)
		sockmap_part(s.leg);
	for (size_t i = 0; i < 2; i++) {
		if (s.leg[i].fd >= 0)
			close(s.leg[i].fd);
		if (s.outer[i] >= 0)
			close(s.outer[i]);
	}
	return ok;
}
