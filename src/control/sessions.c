#include "control/sessions.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "engine/timer.h"

/* Milliseconds to send a request, and to take some more of the answer. */
#define READ_LIMIT  5000
#define WRITE_LIMIT 10000

static void close_session(struct session *s)
{
	close(s->fd);
	free(s->answer);
	*s = (struct session){ .sessions = s->sessions, .fd = -1 };
}

static void write_some(struct session *s, msec_t now)
{
	ssize_t n =
		send(s->fd, s->answer + s->sent, s->length - s->sent, MSG_DONTWAIT | MSG_NOSIGNAL);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n > 0) {
		s->sent += (size_t)n;
		s->deadline = now + WRITE_LIMIT;
	}
	if (n <= 0 || s->sent == s->length)
		close_session(s);
}

void session_answer(struct session *s, json_t *object)
{
	char *text = json_dumps(object, JSON_COMPACT | JSON_ENSURE_ASCII);

	json_decref(object);
	if (!text)
		panic("out of memory");
	s->answer = text;
	s->length = strlen(text);
	text[s->length++] = '\n'; /* in the place of its NUL */
	s->state = SESSION_WRITES;
	s->deadline = timer_now() + WRITE_LIMIT;
	write_some(s, timer_now());
}

void session_refuse(struct session *s, const char *code, const char *fmt, ...)
{
	char text[600];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	session_answer(s, json_pack("{s:b, s:s, s:s}", "ok", 0, "error", text, "code", code));
}

static void take_request(struct session *s, size_t length)
{
	char why[400];

	if (request_parse(s->line, length, &s->request, why, sizeof(why)) < 0) {
		session_refuse(s, "usage", "%s", why);
		return;
	}
	s->state = SESSION_WAITS;
	s->deadline = TIMER_NONE;
	s->sessions->asked(s);
}

static void read_some(struct session *s)
{
	ssize_t n = recv(s->fd, s->line + s->used, sizeof(s->line) - s->used, MSG_DONTWAIT);
	const char *end;

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		close_session(s);
		return;
	}
	s->used += (size_t)n;
	end = memchr(s->line, '\n', s->used);
	if (end)
		take_request(s, (size_t)(end - s->line));
	else if (s->used == sizeof(s->line))
		session_refuse(s, "usage", "a request is one line of at most %zu bytes",
			       sizeof(s->line));
}

static void take_client(struct sessions *s, msec_t now)
{
	int fd = accept4(s->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	for (size_t i = 0; fd >= 0 && i < SESSIONS_MAX; i++) {
		struct session *session = &s->clients[i];

		if (session->state != SESSION_FREE)
			continue;
		*session = (struct session){ .sessions = s,
					     .state = SESSION_READS,
					     .fd = fd,
					     .deadline = now + READ_LIMIT };
		return;
	}
	if (fd >= 0)
		close(fd);
}

static bool has_place(const struct sessions *s)
{
	for (size_t i = 0; i < SESSIONS_MAX; i++)
		if (s->clients[i].state == SESSION_FREE)
			return true;
	return false;
}

size_t sessions_poll(const struct sessions *s, struct pollfd *out)
{
	size_t n = 0;

	if (s->fd < 0)
		return 0;
	if (has_place(s))
		out[n++] = (struct pollfd){ .fd = s->fd, .events = POLLIN };
	for (size_t i = 0; i < SESSIONS_MAX; i++) {
		const struct session *c = &s->clients[i];

		if (c->state == SESSION_READS)
			out[n++] = (struct pollfd){ .fd = c->fd, .events = POLLIN };
		else if (c->state == SESSION_WRITES)
			out[n++] = (struct pollfd){ .fd = c->fd, .events = POLLOUT };
	}
	return n;
}

static void serve(struct sessions *s, int fd, msec_t now)
{
	for (size_t i = 0; i < SESSIONS_MAX; i++) {
		struct session *c = &s->clients[i];

		if (c->state == SESSION_FREE || c->fd != fd)
			continue;
		if (c->state == SESSION_READS)
			read_some(c);
		else if (c->state == SESSION_WRITES)
			write_some(c, now);
		return;
	}
}

void sessions_run(struct sessions *s, const struct pollfd *in, size_t count, msec_t now)
{
	bool knock = false;

	for (size_t i = 0; i < count; i++) {
		if (in[i].fd == s->fd)
			knock = in[i].revents;
		else if (in[i].revents)
			serve(s, in[i].fd, now);
	}
	for (size_t i = 0; i < SESSIONS_MAX; i++)
		if (s->clients[i].state != SESSION_FREE && s->clients[i].deadline <= now)
			close_session(&s->clients[i]);
	/* Last: its descriptor may be the number of one that was closed in this turn. */
	if (knock)
		take_client(s, now);
}

msec_t sessions_due(const struct sessions *s)
{
	msec_t due = TIMER_NONE;

	for (size_t i = 0; s->fd >= 0 && i < SESSIONS_MAX; i++)
		if (s->clients[i].state != SESSION_FREE)
			due = min_of(due, s->clients[i].deadline);
	return due;
}

/* True when nobody listens at that file any more, or there is none. */
static bool is_free(const struct sockaddr_un *at, char *why, size_t size)
{
	struct stat st;
	int fd, err;

	if (lstat(at->sun_path, &st) < 0)
		return true;
	if (!S_ISSOCK(st.st_mode)) {
		snprintf(why, size, "control: %s is there and is no socket: name another path",
			 at->sun_path);
		return false;
	}
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	err = connect(fd, (const struct sockaddr *)at, sizeof(*at)) < 0 ? errno : 0;
	close(fd);
	if (err == ECONNREFUSED) {
		unlink(at->sun_path);
		return true;
	}
	snprintf(why, size,
		 "control: another process listens at %s: is a tailsplice running already?",
		 at->sun_path);
	return false;
}

static bool bind_file(struct sessions *s, uid_t uid, gid_t gid)
{
	mode_t mask = umask(0177);
	bool ok = bind(s->fd, (struct sockaddr *)&s->at, sizeof(s->at)) == 0;
	int err = errno;
	struct stat st;

	umask(mask);
	errno = err;
	if (!ok)
		return false;
	if (uid != geteuid() && chown(s->at.sun_path, uid, gid) < 0)
		return false;
	if (stat(s->at.sun_path, &st) == 0) {
		s->device = st.st_dev;
		s->inode = st.st_ino;
	}
	return listen(s->fd, 8 * SESSIONS_MAX) == 0;
}

bool sessions_open(struct sessions *s, const char *path, uid_t uid, gid_t gid, char *why,
		   size_t size)
{
	s->at = (struct sockaddr_un){ .sun_family = AF_UNIX };
	for (size_t i = 0; i < SESSIONS_MAX; i++)
		s->clients[i] = (struct session){ .sessions = s, .fd = -1 };
	snprintf(s->at.sun_path, sizeof(s->at.sun_path), "%s", path);
	if (!is_free(&s->at, why, size))
		return false;
	s->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (s->fd >= 0 && bind_file(s, uid, gid))
		return true;
	snprintf(why, size, "control: cannot listen at %s: %s%s", path, strerror(errno),
		 errno == ENOENT ? " (its directory is missing: create it, or let systemd do so by "
				   "RuntimeDirectory=tailsplice)"
				 : "");
	sessions_close(s);
	return false;
}

void sessions_close(struct sessions *s)
{
	struct stat st;

	if (s->fd < 0)
		return;
	for (size_t i = 0; i < SESSIONS_MAX; i++)
		if (s->clients[i].state != SESSION_FREE)
			close_session(&s->clients[i]);
	close(s->fd);
	s->fd = -1;
	if (stat(s->at.sun_path, &st) == 0 && st.st_dev == s->device && st.st_ino == s->inode)
		unlink(s->at.sun_path);
}
