/* maildrop - ports that speak SMTP, swallowing the mail, and IMAP, as far as IDLE goes. */
#include <err.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "mailtalk.h"
#include "measure.h"
#include "net.h"
#include "pattern.h"
#include "session.h"

static void say(struct session *s, const char *text)
{
	session_send(s, (const uint8_t *)text, strlen(text));
}

static void smtp_start(struct session *s)
{
	say(s, SMTP_GREETING);
}

static void smtp_answer(struct session *s)
{
	switch (s->verb) {
	case 'E':
		say(s, SMTP_HELLO);
		break;
	case 'M':
	case 'R':
		say(s, SMTP_OK);
		break;
	case 'D':
		s->in_mail = true;
		s->dotted = false;
		s->offset = 0;
		say(s, SMTP_GO_ON);
		break;
	case 'Q':
		say(s, SMTP_BYE);
		session_close(s);
		break;
	default:
		warnx("smtp: a command that starts with byte %d", s->verb);
		session_reset(s);
	}
}

/* No line of the mail has a dot, so the one that comes is that of its end. */
static void take_mail(struct session *s, const uint8_t *bytes, size_t n)
{
	const uint8_t *dot = s->dotted ? bytes : memchr(bytes, '.', n);
	size_t body = dot ? (size_t)(dot - bytes) : n;

	if (!pattern_holds(&pattern_lines, s->offset, bytes, body)) {
		warnx("smtp: wrong bytes within %zu after %llu", n, (unsigned long long)s->offset);
		session_reset(s);
		return;
	}
	s->offset += body;
	s->dotted = dot;
	if (!s->dotted || bytes[n - 1] != '\n')
		return;
	s->in_mail = false;
	say(s, SMTP_OK);
}

static void smtp_take(struct session *s, const uint8_t *bytes, size_t n)
{
	if (s->in_mail) {
		take_mail(s, bytes, n);
		return;
	}
	for (size_t i = 0; i < n && !s->ended; i++) {
		if (!s->verb)
			s->verb = bytes[i];
		if (bytes[i] != '\n')
			continue;
		smtp_answer(s);
		s->verb = 0;
	}
}

static struct session *idling;
static unsigned notices;
static struct watch notify_watch;
static int notify_fd;

static void imap_start(struct session *s)
{
	say(s, IMAP_GREETING);
}

static void imap_take(struct session *s, const uint8_t *bytes, size_t n)
{
	if (!memchr(bytes, '\n', n) || s->link)
		return;
	say(s, IMAP_IDLING);
	s->next = idling;
	s->link = &idling;
	if (idling)
		idling->link = &s->next;
	idling = s;
}

static void imap_left(struct session *s)
{
	if (!s->link)
		return;
	*s->link = s->next;
	if (s->next)
		s->next->link = s->link;
}

static void notify(struct watch *w, uint32_t events)
{
	char text[IMAP_NOTICE_SIZE + 1];
	uint64_t times;

	(void)w;
	(void)events;
	if (read(notify_fd, &times, sizeof(times)) < 0)
		return;
	snprintf(text, sizeof(text), IMAP_NOTICE, ++notices, (unsigned long long)clock_ns());
	for (struct session *s = idling; s; s = s->next)
		if (!s->rest && !s->ended &&
		    send(s->fd, text, IMAP_NOTICE_SIZE, MSG_NOSIGNAL) != IMAP_NOTICE_SIZE)
			warnx("imap: a notice did not fit");
}

void imap_notify_every(unsigned ms)
{
	struct itimerspec every = { .it_interval = { ms / 1000, (long)(ms % 1000) * 1000000 } };

	every.it_value = every.it_interval;
	notify_fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
	if (notify_fd < 0 || timerfd_settime(notify_fd, 0, &every, NULL))
		err(1, "timerfd");
	notify_watch.ready = notify;
	net_watch(session_epoll, EPOLL_CTL_ADD, notify_fd, EPOLLIN, &notify_watch);
}

const struct role role_smtp = { "smtp", smtp_start, smtp_take, NULL, NULL };
const struct role role_imap = { "imap", imap_start, imap_take, NULL, imap_left };
