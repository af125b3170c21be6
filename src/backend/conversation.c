#include "backend/conversation.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

/* For the answer to our leave, and then for the server's end of the connection: it has said what matters. */
#define LEAVE_MS 2000
#define DRAIN_MS 1000

static void over(struct conversation *c)
{
	if (c->fd >= 0)
		close(c->fd);
	c->fd = -1;
}

/* The first verdict holds; what follows is courtesy. */
static void conclude(struct conversation *c, enum ending ending, msec_t now)
{
	if (c->outcome.ending == ENDING_NONE) {
		c->outcome.ending = ending;
		if (c->phase != LEAVING)
			c->outcome.greeting_ms = now - c->since;
	}
}

/* No byte of the server's is left unread when the socket is closed, or the kernel would send a reset, which
 * servers log as an error. */
static void drain(struct conversation *c, msec_t now)
{
	c->phase = DRAINING;
	c->events = POLLIN;
	c->deadline = now + DRAIN_MS;
	shutdown(c->fd, SHUT_WR);
}

static void unreachable(struct conversation *c, int error, msec_t now)
{
	c->outcome.ending = ENDING_UNREACHABLE;
	c->outcome.error = error;
	c->outcome.connect_ms = now - c->since;
	over(c);
}

/* What an IMAP server can do would leave no room for who it is: that list, in brackets, is left out. */
static size_t text_of_list(const uint8_t *text, size_t len, size_t at)
{
	static const char list[] = "[CAPABILITY ";
	const uint8_t *end;

	if (len - at < sizeof(list) || memcmp(text + at, list, sizeof(list) - 1) != 0)
		return 0;
	end = memchr(text + at, ']', len - at);
	return end && (size_t)(end - text) + 1 < len ? (size_t)(end - text) + 2 - at : 0;
}

static void copy_text(struct outcome *o, const struct banner *g)
{
	size_t used = 0;

	for (size_t i = 0; i < g->text_len && used < sizeof(o->text) - 1; i++) {
		i += text_of_list(g->text, g->text_len, i);
		if (i < g->text_len)
			o->text[used++] =
				(char)(g->text[i] >= ' ' && g->text[i] < 0x7f ? g->text[i] : '?');
	}
	o->text[used] = '\0';
}

static void say(struct conversation *c, const void *bytes, size_t len)
{
	memcpy(c->out, bytes, len);
	c->out_len = len;
	c->out_sent = 0;
}

/* Greeted: the session is ended in its own words where it has some. */
static void take_leave(struct conversation *c, enum speech s, msec_t now)
{
	const char *word = banner_farewell(s);

	if (!word) {
		conclude(c, ENDING_WELL, now);
		drain(c, now);
		return;
	}
	c->outcome.greeting_ms = now - c->since;
	c->phase = LEAVING;
	c->deadline = now + LEAVE_MS;
	say(c, word, strlen(word));
}

/* A line that is not whole would be quoted cut. */
static bool is_foreign(const struct conversation *c, const struct banner *g)
{
	return c->plan.expect != SPEECH_NONE && g->speech != SPEECH_NONE &&
	       g->speech != c->plan.expect && (g->complete || g->speech == SPEECH_OTHER);
}

static void judge_banner(struct conversation *c, const struct banner *g, msec_t now)
{
	enum ending ending = ENDING_NONE;

	if (is_foreign(c, g))
		ending = ENDING_FOREIGN;
	else if (g->speech == SPEECH_OTHER)
		ending = ENDING_WELL;
	else if (g->complete && g->refused)
		ending = ENDING_TURNED_AWAY;
	if (ending) {
		conclude(c, ending, now);
		drain(c, now);
	} else if (g->complete) {
		take_leave(c, g->speech, now);
	}
}

static void judge(struct conversation *c, msec_t now)
{
	struct banner g;

	banner_read(c->bytes, c->used, &g);
	c->outcome.speech = g.speech;
	c->outcome.software = g.software;
	c->outcome.code = g.code;
	copy_text(&c->outcome, &g);
	if (c->phase == LISTENING)
		judge_banner(c, &g, now);
	if (c->phase != LEAVING || !(g.objected || g.farewell))
		return;
	conclude(c, g.objected ? ENDING_OBJECTED : ENDING_WELL, now);
	drain(c, now);
}

/* The server has ended the connection, or its time is over. */
static void finish(struct conversation *c, enum ending silent, msec_t now)
{
	if (c->phase == LEAVING)
		conclude(c, ENDING_WELL, now);
	else
		conclude(c, c->used ? ENDING_HALF : silent, now);
	over(c);
}

static void flush(struct conversation *c)
{
	ssize_t n = 1;

	while (c->out_sent < c->out_len && n > 0) {
		n = send(c->fd, c->out + c->out_sent, c->out_len - c->out_sent, MSG_NOSIGNAL);
		if (n > 0)
			c->out_sent += (size_t)n;
	}
	/* A failure is the connection's end: reading tells of it, after what was said before. */
	c->events = c->out_sent < c->out_len && n < 0 && errno == EAGAIN ? POLLIN | POLLOUT
									 : POLLIN;
}

/* Reads what is there. False: the connection has ended. */
static bool hear(struct conversation *c, msec_t now)
{
	uint8_t rest[CONVERSATION_BYTES];
	bool keep = c->phase != DRAINING && c->used < sizeof(c->bytes);
	void *to = keep ? c->bytes + c->used : rest;
	ssize_t n = recv(c->fd, to, keep ? sizeof(c->bytes) - c->used : sizeof(rest), 0);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return true;
	if (n <= 0) {
		if (n < 0)
			c->outcome.error = -errno;
		return false;
	}
	if (keep) {
		c->used += (size_t)n;
		judge(c, now);
	}
	return true;
}

static void exchange(struct conversation *c, short revents, msec_t now)
{
	flush(c);
	if (revents && !hear(c, now)) {
		finish(c, ENDING_CLOSED, now);
		return;
	}
	flush(c);
	if (c->phase == LISTENING && c->used == sizeof(c->bytes)) {
		conclude(c, ENDING_HALF, now);
		drain(c, now);
	}
	if (now >= c->deadline)
		finish(c, ENDING_SILENT, now);
}

static size_t write_header(struct conversation *c, uint8_t *out)
{
	const struct conversation_plan *p = &c->plan;
	const struct addr *from = p->claimed.sa.sa_family == AF_UNSPEC ? &c->outcome.self
								       : &p->claimed;

	/* Of a server that a proxy resolves, the address is not known here. */
	if (p->header != PP_V2 || p->claimed.sa.sa_family != AF_UNSPEC)
		return pp_write(p->header, from,
				p->to.sa.sa_family == AF_UNSPEC ? &c->outcome.self : &p->to, out);
	pp_write_local(out);
	return PP_V2_PREFIX;
}

static void connected(struct conversation *c, msec_t now)
{
	uint8_t random[OPENING_RANDOM] = { 0 };
	socklen_t len = sizeof(c->outcome.self.v6);

	c->outcome.connect_ms = now - c->since;
	c->since = now;
	getsockname(c->fd, &c->outcome.self.sa, &len);
	c->out_len = write_header(c, c->out);
	c->outcome.headed = c->out_len > 0;
	/* The server sees the proxy's address, not this one. */
	if (c->plan.passage.on)
		c->outcome.self = (struct addr){ 0 };
	if (!c->plan.connect_only) {
		/* Without entropy, in the first seconds of a machine, nulls: nothing secret depends on it. */
		if (getrandom(random, sizeof(random), GRND_NONBLOCK) < 0)
			memset(random, 0, sizeof(random));
		c->out_len += opening_write(c->plan.expect, random, c->out + c->out_len);
	}
	c->phase = LISTENING;
	c->deadline = now + c->plan.timeout;
	flush(c);
	if (c->plan.connect_only) {
		conclude(c, ENDING_WELL, now);
		drain(c, now);
	}
}

/* Reads no byte more than the proxy's answer has: the server may have begun already. True: the server is there. */
static bool pass(struct conversation *c, msec_t now)
{
	size_t missing = 0;
	ssize_t n;
	int there;

	for (;;) {
		there = passage_read(&c->plan.passage, c->bytes, c->used, &missing);
		if (there < 0)
			unreachable(c, there, now);
		if (there)
			return there > 0;
		if (!missing) {
			c->used = c->out_sent = 0;
			c->out_len = passage_write(&c->plan.passage, &c->plan.to, c->out);
			flush(c);
			continue;
		}
		n = recv(c->fd, c->bytes + c->used, missing, 0);
		if (n < 0 && errno == EAGAIN)
			return false;
		if (n <= 0) {
			/* A proxy that hangs up refuses. */
			unreachable(c, n ? -errno : -ECONNREFUSED, now);
			return false;
		}
		c->used += (size_t)n;
	}
}

static void go_through(struct conversation *c, msec_t now)
{
	flush(c);
	if (pass(c, now)) {
		c->used = c->out_sent = 0;
		connected(c, now);
	} else if (!conversation_over(c) && now >= c->deadline) {
		unreachable(c, -ETIMEDOUT, now);
	}
}

static void reached(struct conversation *c, msec_t now)
{
	if (!c->plan.passage.on) {
		connected(c, now);
		return;
	}
	c->phase = PASSING;
	c->out_len = passage_write(&c->plan.passage, &c->plan.to, c->out);
	go_through(c, now);
}

static void await_connection(struct conversation *c, short revents, msec_t now)
{
	int error = 0;
	socklen_t len = sizeof(error);

	if (revents) {
		getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &error, &len);
		if (error)
			unreachable(c, -error, now);
		else
			reached(c, now);
	} else if (now >= c->deadline) {
		unreachable(c, -ETIMEDOUT, now);
	}
}

void conversation_start(struct conversation *c, const struct conversation_plan *plan, msec_t now)
{
	const struct addr *to = plan->passage.on ? &plan->passage.at : &plan->to;

	*c = (struct conversation){ .fd = -1, .events = POLLOUT, .plan = *plan, .since = now };
	c->deadline = now + plan->connect_timeout;
	if (to->sa.sa_family == AF_UNSPEC) {
		unreachable(c, -ENODATA, now);
		return;
	}
	c->fd = outgoing_socket(&plan->outgoing, to, SOCK_NONBLOCK);
	if (c->fd < 0)
		unreachable(c, c->fd, now);
	else if (connect(c->fd, &to->sa, addr_len(to)) == 0)
		reached(c, now);
	else if (errno != EINPROGRESS)
		unreachable(c, -errno, now);
}

void conversation_step(struct conversation *c, short revents, msec_t now)
{
	if (conversation_over(c))
		return;
	if (c->phase == CONNECTING)
		await_connection(c, revents, now);
	else if (c->phase == PASSING)
		go_through(c, now);
	else
		exchange(c, revents, now);
}

bool conversation_over(const struct conversation *c)
{
	return c->fd < 0;
}

void conversation_stop(struct conversation *c)
{
	over(c);
}

static const char *unreachable_words(int error)
{
	switch (error) {
	case -ECONNREFUSED:
		return "connection refused";
	case -ETIMEDOUT:
		return "no answer to the connection request";
	case -ENODEV:
		return "not dialled: the interface it must go through is not there (key device)";
	case -ENODATA:
		return "the proxy's name has no address (key via)";
	case -ENXIO:
		return "not dialled: the source is not an address of this machine";
	case -EAFNOSUPPORT:
		return "not dialled: there is no source of that family";
	default:
		return strerrordesc_np(-error);
	}
}

char *outcome_words(const struct outcome *o, char out[static OUTCOME_WORDS])
{
	static const char *const words[ENDING_COUNT] = {
		[ENDING_NONE] = "not known yet",
		[ENDING_WELL] = "answers",
		[ENDING_CLOSED] = "closes the connection before the first byte",
		[ENDING_SILENT] = "accepts, but says nothing",
		[ENDING_HALF] = "begins a greeting and does not end it",
		[ENDING_TURNED_AWAY] = "turns away",
		[ENDING_OBJECTED] = "answers the PROXY header with an error",
		[ENDING_FOREIGN] = "speaks",
	};

	if (o->ending == ENDING_UNREACHABLE)
		snprintf(out, OUTCOME_WORDS, "%s", unreachable_words(o->error));
	else if (o->ending == ENDING_FOREIGN)
		snprintf(out, OUTCOME_WORDS, "speaks %s%s%s", speech_name(o->speech),
			 *o->text ? ": " : "", o->text);
	else if (o->ending == ENDING_TURNED_AWAY && o->speech == SPEECH_TLS)
		snprintf(out, OUTCOME_WORDS, "turns away: TLS alert %u", o->code);
	else if (o->ending == ENDING_OBJECTED && !o->headed)
		snprintf(out, OUTCOME_WORDS, "greets, and goes on with an error: %s", o->text);
	else if (*o->text && o->ending != ENDING_WELL)
		snprintf(out, OUTCOME_WORDS, "%s: %s", words[o->ending], o->text);
	else
		snprintf(out, OUTCOME_WORDS, "%s", words[o->ending]);
	return out;
}
