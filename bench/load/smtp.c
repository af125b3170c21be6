/* smtp - whole mail sessions, one after the other: greeting, EHLO, MAIL, RCPT, DATA, a mail of --size
 * bytes, QUIT, and the end of the stream that the server begins. A closed loop of --conns sessions.
 * Each answer is compared with the one that the server gives. */
#include <err.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "load.h"
#include "mailtalk.h"
#include "net.h"
#include "pattern.h"
#include "tally.h"

/* What is heard, and what is then said. */
static const struct step {
	const char *answer, *command;
} steps[] = {
	{ SMTP_GREETING, SMTP_EHLO },
	{ SMTP_HELLO, SMTP_MAIL },
	{ SMTP_OK, SMTP_RCPT },
	{ SMTP_OK, SMTP_DATA },
	{ SMTP_GO_ON, NULL },
	{ SMTP_OK, SMTP_QUIT },
	{ SMTP_BYE, "" },
};

#define STEPS	(sizeof(steps) / sizeof(*steps))
#define THE_END STEPS /* all is said: the stream ends */

struct visit {
	int fd;
	bool watched; /* for writability too */
	size_t step, heard;
	bool mailing;
	uint64_t offset; /* of the mail; behind it comes the dot */
	uint64_t begun;
};

static int ep;
static const struct load *job;
static struct peer_addr target;
static uint64_t mail_size;
static struct tally tally;

static void begin(struct visit *v)
{
	*v = (struct visit){ .begun = clock_ns(), .fd = net_begin(&target) };
	if (v->fd < 0)
		errx(1, "smtp: connect: %s", strerror(-v->fd));
	net_watch(ep, EPOLL_CTL_ADD, v->fd, EPOLLIN, v);
}

static void want_write(struct visit *v, bool want)
{
	if (v->watched == want)
		return;
	v->watched = want;
	net_watch(ep, EPOLL_CTL_MOD, v->fd, want ? EPOLLIN | EPOLLOUT : EPOLLIN, v);
}

static void say(struct visit *v, const char *text)
{
	if (send(v->fd, text, strlen(text), 0) != (ssize_t)strlen(text))
		err(1, "smtp: send");
}

static void mail(struct visit *v)
{
	while (v->offset < mail_size) {
		uint64_t left = mail_size - v->offset;
		ssize_t n = send(v->fd, pattern_at(&pattern_lines, v->offset),
				 left < PATTERN_SPAN / 2 ? left : PATTERN_SPAN / 2, MSG_MORE);

		if (n < 0 && errno == EAGAIN) {
			want_write(v, true);
			return;
		}
		if (n < 0)
			err(1, "smtp: send");
		v->offset += (uint64_t)n;
	}
	if (send(v->fd, SMTP_DOT, strlen(SMTP_DOT), 0) != (ssize_t)strlen(SMTP_DOT)) {
		if (errno != EAGAIN)
			err(1, "smtp: send");
		want_write(v, true);
		return;
	}
	v->mailing = false;
	want_write(v, false);
}

static void go_on(struct visit *v)
{
	const char *command = steps[v->step].command;

	v->step++;
	v->heard = 0;
	if (command) {
		say(v, command);
	} else {
		v->mailing = true;
		mail(v);
	}
}

static void finish(struct visit *v)
{
	close(v->fd);
	tally_add(&tally, clock_ns() - v->begun);
	begin(v);
}

static void hear(struct visit *v)
{
	char text[512];
	ssize_t n = recv(v->fd, text, sizeof(text), 0);
	const char *answer;

	if (n < 0 && errno == EAGAIN)
		return;
	if (n < 0)
		err(1, "smtp: recv");
	if (v->step == THE_END && n == 0) {
		finish(v);
		return;
	}
	if (v->step == THE_END || n == 0 || v->mailing)
		errx(1, "smtp: %s", n ? "an answer to nothing" : "the session ended early");
	answer = steps[v->step].answer;
	if ((size_t)n > strlen(answer) - v->heard || memcmp(answer + v->heard, text, (size_t)n))
		errx(1, "smtp: a wrong answer at step %zu", v->step);
	v->heard += (size_t)n;
	if (v->heard == strlen(answer))
		go_on(v);
}

static void turn(void)
{
	struct epoll_event ev[256];
	int n = net_await(ep, ev, sizeof(ev) / sizeof(*ev), job->patience, "smtp");

	for (int i = 0; i < n; i++) {
		struct visit *v = ev[i].data.ptr;

		if (ev[i].events & EPOLLOUT && v->mailing)
			mail(v);
		if (ev[i].events & ~(uint32_t)EPOLLOUT)
			hear(v);
	}
}

int smtp_main(const struct load *l)
{
	struct visit *all = calloc(l->conns, sizeof(*all));
	struct measure m;

	job = l;
	target = net_addr(l->host, l->ports[0]);
	/* Whole lines, or the dot would not start one. */
	mail_size = l->size - l->size % 78;
	ep = epoll_create1(EPOLL_CLOEXEC);
	if (!all || ep < 0)
		err(1, "smtp");
	for (unsigned i = 0; i < l->conns; i++)
		begin(&all[i]);
	tally_run(&tally, &m, l, turn);
	tally_print(&tally, &m, "smtp", "mail");
	printf("}\n");
	free(all);
	return 0;
}
