#include "control/watch.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/log.h"
#include "control/field.h"
#include "control/frame.h"
#include "control/present.h"
#include "control/terminal.h"
#include "engine/timer.h"

/* Milliseconds from look to look; how long one may take. */
#define EVERY	   1000
#define LOOK_LIMIT 2000

/* Flows asked for where no screen says how many fit. */
#define FLOWS 10

struct watch {
	struct client client;
	struct frame frame;
	struct terminal terminal;
	bool live; /* a screen; else blocks */
	bool json;
	bool ended;
	int signals, events; /* signalfd(2); epoll(7) over it and the keys */
};

static void watch_for(struct watch *w, int fd)
{
	struct epoll_event event = { .events = EPOLLIN, .data.fd = fd };

	epoll_ctl(w->events, EPOLL_CTL_ADD, fd, &event);
}

static int open_events(struct watch *w)
{
	static const int awaited[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGWINCH, SIGTSTP };
	sigset_t set;

	sigemptyset(&set);
	for (size_t i = 0; i < ARRAY_LEN(awaited); i++)
		sigaddset(&set, awaited[i]);
	sigprocmask(SIG_BLOCK, &set, NULL);
	w->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	w->events = epoll_create1(EPOLL_CLOEXEC);
	if (w->signals < 0 || w->events < 0)
		return -errno;
	watch_for(w, w->signals);
	w->client.cancel = w->events;
	return 0;
}

/* One request. False: the frame says why not. */
static bool ask(struct watch *w, const char *line, struct answer *answer)
{
	char why[CLIENT_WHY];
	int err = client_ask(&w->client, line, answer, why);

	if (err < 0 && err != -ECANCELED)
		memcpy(w->frame.trouble, why, sizeof(why));
	if (err < 0)
		return false;
	if (json_is_true(json_object_get(answer->object, "ok")))
		return true;
	snprintf(w->frame.trouble, sizeof(w->frame.trouble), "%.400s",
		 field_text(answer->object, "error"));
	answer_finish(answer);
	return false;
}

static void look(struct watch *w)
{
	struct answer status, conns = { 0 };
	char line[64];

	if (!ask(w, "status", &status))
		return;
	if (w->json) {
		fwrite(status.text, 1, status.length, stdout);
		answer_finish(&status);
		return;
	}
	snprintf(line, sizeof(line), "conns sort=rate limit=%zu",
		 w->live ? w->terminal.rows : FLOWS);
	if (ask(w, line, &conns))
		frame_take(&w->frame, json_incref(status.object), json_incref(conns.object),
			   timer_now());
	answer_finish(&status);
	answer_finish(&conns);
}

static void draw(struct watch *w)
{
	size_t length;
	char *text;
	FILE *page;

	if (!w->live) {
		frame_print(&w->frame, stdout, 0, PRESENT_WIDTH);
		putc('\n', stdout);
		return;
	}
	page = open_memstream(&text, &length);
	if (!page)
		panic("out of memory");
	frame_print(&w->frame, page, w->terminal.rows, w->terminal.columns);
	if (fclose(page) != 0)
		panic("out of memory");
	terminal_show(text);
	free(text);
}

static void show(struct watch *w)
{
	if (w->json && *w->frame.trouble)
		fprintf(stderr, "status: %s\n", w->frame.trouble);
	if (w->json)
		w->frame.trouble[0] = '\0';
	else
		draw(w);
	if (fflush(stdout) != 0)
		w->ended = true;
}

static void stop_for_a_while(struct watch *w)
{
	if (w->live)
		terminal_leave(&w->terminal);
	raise(SIGSTOP);
	if (w->live)
		terminal_enter(&w->terminal);
}

static void take_signals(struct watch *w)
{
	struct signalfd_siginfo info;

	while (read(w->signals, &info, sizeof(info)) == sizeof(info)) {
		if (info.ssi_signo == SIGTSTP)
			stop_for_a_while(w);
		else if (info.ssi_signo != SIGWINCH)
			w->ended = true;
		else if (w->live)
			terminal_measure(&w->terminal);
	}
}

static void take_keys(struct watch *w)
{
	char keys[64];
	ssize_t n = read(STDIN_FILENO, keys, sizeof(keys));

	/* A terminal that is gone would be readable for ever. */
	if (n <= 0 || memchr(keys, 'q', (size_t)n) || memchr(keys, 'Q', (size_t)n))
		w->ended = true;
}

/* Signals and keys until `due`. */
static void rest(struct watch *w, msec_t due)
{
	struct epoll_event event;
	msec_t now;

	while (!w->ended && (now = timer_now()) < due) {
		if (epoll_wait(w->events, &event, 1, (int)(due - now)) <= 0)
			continue;
		if (event.data.fd == w->signals)
			take_signals(w);
		else
			take_keys(w);
		if (w->live && !w->ended)
			draw(w);
	}
}

static void run(struct watch *w)
{
	if (w->live) {
		terminal_enter(&w->terminal);
		if (w->terminal.keys)
			watch_for(w, STDIN_FILENO);
	}
	while (!w->ended) {
		msec_t due = timer_now() + EVERY;

		show(w);
		rest(w, due);
		if (!w->ended)
			look(w);
	}
	if (w->live)
		terminal_leave(&w->terminal);
}

int watch(const struct client *client, bool json, char why[static CLIENT_WHY])
{
	struct watch w = { .client = *client, .json = json, .live = !json && terminal_there() };
	int err = open_events(&w);

	w.client.limit = min_of(w.client.limit, (msec_t)LOOK_LIMIT);
	w.frame.bold = terminal_may_be_bold();
	w.frame.blocks = terminal_is_utf8();
	terminal_measure(&w.terminal);
	if (err < 0)
		snprintf(why, CLIENT_WHY, "cannot wait for signals: %s", strerror(-err));
	if (err == 0)
		look(&w);
	if (err == 0 && *w.frame.trouble) {
		snprintf(why, CLIENT_WHY, "%s", w.frame.trouble);
		err = -ENOTCONN;
	}
	if (err == 0)
		run(&w);
	frame_finish(&w.frame);
	close(w.events);
	close(w.signals);
	return err;
}
