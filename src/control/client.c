#include "control/client.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "config/config.h"
#include "control/request.h"
#include "control/text.h"
#include "engine/timer.h"

/* The first piece of memory for an answer. */
#define ROOM_MIN 4096

__attribute__((format(printf, 3, 4))) static int refuse(char *why, int err, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(why, CLIENT_WHY, fmt, args);
	va_end(args);
	return err;
}

static int set_path(struct client *c, const char *path, char *why)
{
	if (strlen(path) >= sizeof(c->at.sun_path))
		return refuse(why, -ENAMETOOLONG,
			      "%.100s...: a socket's path has at most %zu characters (unix(7))",
			      path, sizeof(c->at.sun_path) - 1);
	memcpy(c->at.sun_path, path, strlen(path) + 1);
	return 0;
}

/* What the file says, even if it has mistakes: the edge that runs was started from an earlier one. */
static int read_file(struct client *c, const char *file, char *why)
{
	struct report report;
	struct config *config;
	int err;

	report_init(&report, file);
	config = config_load(file, &report);
	if (config && config->global.control) {
		snprintf(c->source, sizeof(c->source), "`control` of %s", file);
		err = set_path(c, config->global.control, why);
	} else {
		snprintf(c->source, sizeof(c->source), "the default, as %s %s", file,
			 !config	 ? "cannot be read"
			 : report.errors ? "has mistakes (see tailsplice check)"
					 : "has no `control` in [global]");
		err = set_path(c, CLIENT_DEFAULT_SOCKET, why);
	}
	config_free(config);
	report_finish(&report);
	return err;
}

int client_find(struct client *c, const char *socket, const char *file, char why[static CLIENT_WHY])
{
	*c = (struct client){ .at.sun_family = AF_UNIX, .limit = 10000, .cancel = -1 };
	if (!socket)
		return read_file(c, file ? file : CONFIG_DEFAULT_FILE, why);
	snprintf(c->source, sizeof(c->source), "-s");
	return set_path(c, socket, why);
}

static int explain(const struct client *c, int err, char *why)
{
	const char *path = c->at.sun_path;

	if (err == ENOENT)
		return refuse(why, -err,
			      "no socket at %s (%s): is the edge running, with that socket as "
			      "`control` in [global]? Else name it with -s PATH",
			      path, c->source);
	if (err == ECONNREFUSED)
		return refuse(why, -err,
			      "nobody listens at %s (%s): the edge that did is gone; start it, or "
			      "name another socket with -s PATH",
			      path, c->source);
	if (err == EACCES)
		return refuse(
			why, -err,
			"no permission for %s (%s): only root and the user the edge runs as may "
			"ask it; try sudo",
			path, c->source);
	if (err == EAGAIN || err == ETIMEDOUT)
		return refuse(why, -ETIMEDOUT,
			      "no answer within %llu s from %s: the edge is busy with other "
			      "requests, or stopped",
			      (unsigned long long)c->limit / 1000, path);
	return refuse(why, -err, "%s (%s): %s", path, c->source, strerror(err));
}

/* 0 when the socket is ready; -ETIMEDOUT, -ECANCELED. */
static int wait_for(const struct client *c, int fd, short events, msec_t deadline)
{
	struct pollfd p[] = { { .fd = fd, .events = events },
			      { .fd = c->cancel, .events = POLLIN } };
	msec_t now;

	do {
		now = timer_now();
		if (now >= deadline)
			return -ETIMEDOUT;
	} while (poll(p, ARRAY_LEN(p), (int)min_of(deadline - now, (msec_t)1000)) <= 0);
	return p[1].revents ? -ECANCELED : 0;
}

/* When the socket's queue is full, connect(2) does not wait and cannot be polled for: unix(7). */
static int try_connect(const struct client *c, int fd, msec_t deadline)
{
	int err;

	for (;;) {
		if (connect(fd, (const struct sockaddr *)&c->at, sizeof(c->at)) == 0)
			return 0;
		err = -errno;
		if (err != -EAGAIN && err != -EINTR)
			return err;
		if (timer_now() >= deadline)
			return -ETIMEDOUT;
		if (poll(&(struct pollfd){ .fd = c->cancel, .events = POLLIN }, 1, 50) > 0)
			return -ECANCELED;
	}
}

static int send_line(const struct client *c, int fd, const char *line, msec_t deadline)
{
	size_t len = strlen(line), sent = 0;
	char text[REQUEST_MAX];
	ssize_t n;
	int err;

	if (len >= sizeof(text))
		return -E2BIG;
	memcpy(text, line, len);
	text[len++] = '\n';
	while (sent < len) {
		n = send(fd, text + sent, len - sent, MSG_NOSIGNAL);
		if (n > 0)
			sent += (size_t)n;
		else if (errno != EAGAIN && errno != EINTR)
			return -errno;
		err = sent < len ? wait_for(c, fd, POLLOUT, deadline) : 0;
		if (err < 0)
			return err;
	}
	return 0;
}

static bool make_room(struct answer *a, size_t *room)
{
	size_t next = max_of(2 * *room, (size_t)ROOM_MIN);
	char *text = a->length < *room ? a->text : realloc(a->text, next);

	if (!text)
		return false;
	if (a->length == *room)
		*room = next;
	a->text = text;
	return true;
}

/* To the end: the server closes behind its answer. */
static int receive(const struct client *c, int fd, struct answer *a, msec_t deadline)
{
	size_t room = 0;
	ssize_t n;
	int err;

	for (;;) {
		if (!make_room(a, &room))
			return -ENOMEM;
		n = recv(fd, a->text + a->length, room - a->length, 0);
		/* A server that did not read all of the request resets, behind its answer. */
		if (n == 0 || (n < 0 && errno == ECONNRESET && a->length > 0))
			return 0;
		if (n < 0 && errno != EAGAIN && errno != EINTR)
			return -errno;
		a->length += n > 0 ? (size_t)n : 0;
		if (a->length > CLIENT_ANSWER_MAX)
			return -EMSGSIZE;
		err = n < 0 ? wait_for(c, fd, POLLIN, deadline) : 0;
		if (err < 0)
			return err;
	}
}

static int converse(const struct client *c, const char *line, struct answer *a)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), err;
	msec_t deadline = timer_now() + c->limit;

	if (fd < 0)
		return -errno;
	err = try_connect(c, fd, deadline);
	if (err == 0)
		err = send_line(c, fd, line, deadline);
	/* A server that refuses may do so, and close, before it has read all: its answer counts. */
	if (err == 0 || err == -EPIPE)
		err = receive(c, fd, a, deadline);
	close(fd);
	return err;
}

static int read_json(const struct client *c, struct answer *a, char *why)
{
	json_error_t wrong;

	if (a->length == 0)
		return refuse(
			why, -EPROTO,
			"no answer from %s, it closed the connection: the edge has just ended, "
			"or has no place for one more client; try again",
			c->at.sun_path);
	a->object = json_loadb(a->text, a->length, 0, &wrong);
	if (json_is_object(a->object) && json_is_boolean(json_object_get(a->object, "ok")))
		return 0;
	refuse(why, -EPROTO,
	       "no answer of a tailsplice from %s: expected a JSON object with \"ok\" (%.60s, byte %d "
	       "of %zu); name its socket with -s PATH",
	       c->at.sun_path, a->object ? "it is another value" : wrong.text, wrong.position,
	       a->length);
	/* The parser quotes what it could not read. */
	text_clean(why);
	return -EPROTO;
}

int client_ask(const struct client *c, const char *line, struct answer *answer,
	       char why[static CLIENT_WHY])
{
	int err;

	*answer = (struct answer){ 0 };
	err = converse(c, line, answer);
	if (err == -EMSGSIZE)
		refuse(why, err, "more than %2$u MiB of answer from %1$s: ask for less (--limit)",
		       c->at.sun_path, CLIENT_ANSWER_MAX >> 20);
	else if (err < 0)
		explain(c, -err, why);
	else
		err = read_json(c, answer, why);
	if (err < 0)
		answer_finish(answer);
	return err;
}

void answer_finish(struct answer *a)
{
	json_decref(a->object);
	free(a->text);
	*a = (struct answer){ 0 };
}
