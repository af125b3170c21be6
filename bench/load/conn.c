/* conn - the life of a short connection, over and over: connect, a few bytes there and back, reset.
 * Every attempt ends as done or as exactly one kind of failure, so in a run of a fixed count done +
 * failed = started, and it can say that nothing was lost. A timed run counts what was done in its
 * window, but failures from the start. It ends with a reset because that leaves the client no
 * TIME_WAIT to run out of ports with; what the proxy makes of it on the other leg is its own affair
 * and part of its cost. With --greet it is the shortest SMTP session: greeting, EHLO, answer. */
#include <err.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "load.h"
#include "mailtalk.h"
#include "net.h"
#include "pattern.h"
#include "tally.h"

enum outcome {
	DONE,	 /* every byte came back */
	LOCAL,	 /* socket() or connect() failed on this side: ports or descriptors */
	REFUSED, /* by whoever listens there, or nobody does */
	CONNECT, /* any other end before it was established */
	RESET,	 /* after that */
	ENDED,	 /* cleanly, but before every byte came back */
	BYTES,	 /* wrong ones, or too many */
	SILENT,	 /* no end within the patience */
	OUTCOMES
};

static const char *const outcome_names[OUTCOMES] = { "done",  "local", "refused", "connect",
						     "reset", "ended", "bytes",	  "silent" };

/* What is said, and what is heard before and after. */
struct talk {
	const uint8_t *greeting, *request, *answer;
	size_t greeting_size, request_size, size; /* size: of greeting and answer */
};

struct attempt {
	int fd; /* -1: the slot is free */
	bool asked;
	size_t got;
	uint64_t begun;
};

static int ep;
static const struct load *job;
static struct peer_addr target;
static struct talk talk;
static uint8_t scratch[PATTERN_SPAN];
static struct attempt *all;
static struct tally tally;
static uint64_t started, failed[OUTCOMES];
static unsigned in_flight;

static void finish(struct attempt *a, enum outcome how)
{
	if (how == DONE)
		tally_add(&tally, clock_ns() - a->begun);
	else
		failed[how]++;
	in_flight--;
	net_reset(a->fd);
	a->fd = -1;
}

static bool may_start(void)
{
	return !job->count || started < job->count;
}

/* False when this side could not even try: then the next try waits a moment instead of spinning. */
static bool begin(struct attempt *a)
{
	int fd;

	started++;
	a->begun = clock_ns();
	fd = net_begin(&target);
	if (fd < 0) {
		failed[fd == -ECONNREFUSED ? REFUSED : LOCAL]++;
		return false;
	}
	a->fd = fd;
	a->asked = false;
	a->got = 0;
	in_flight++;
	/* Edges: an attempt meets each of its two states once, which saves a call between them. */
	net_watch(ep, EPOLL_CTL_ADD, fd, EPOLLIN | EPOLLOUT | EPOLLET, a);
	return true;
}

static void ask(struct attempt *a)
{
	ssize_t n = send(a->fd, talk.request, talk.request_size, 0);

	if (n < 0 && errno == EAGAIN)
		return;
	if (n < 0)
		finish(a, errno == ECONNREFUSED ? REFUSED : CONNECT);
	else if ((size_t)n != talk.request_size)
		errx(1, "conn: --size does not fit one send");
	else
		a->asked = true;
}

/* Of the greeting and of what answers us, from here on. */
static bool is_right(size_t at, const uint8_t *bytes, size_t n)
{
	size_t greeting = at < talk.greeting_size ? talk.greeting_size - at : 0;

	greeting = greeting < n ? greeting : n;
	return at + n <= talk.size && !memcmp(talk.greeting + at, bytes, greeting) &&
	       !memcmp(talk.answer + (at + greeting - talk.greeting_size), bytes + greeting,
		       n - greeting);
}

/* Reads on until the attempt is over or nothing is left: the edge is not announced twice. */
static void hear(struct attempt *a)
{
	while (a->fd >= 0) {
		ssize_t n = recv(a->fd, scratch, sizeof(scratch), 0);

		if (n < 0 && errno == EAGAIN)
			return;
		if (n < 0) {
			finish(a, RESET);
		} else if (n == 0) {
			finish(a, ENDED);
		} else if (!is_right(a->got, scratch, (size_t)n)) {
			finish(a, BYTES);
		} else {
			a->got += (size_t)n;
			if (!a->asked && a->got == talk.greeting_size)
				ask(a);
			if (a->fd >= 0 && a->got == talk.size)
				finish(a, DONE);
		}
	}
}

static void ready(struct attempt *a, uint32_t events)
{
	/* Before the first send an error is the connection attempt's, and send() tells which. */
	if (!a->asked && !talk.greeting_size)
		ask(a);
	if (a->fd >= 0 && events & ~(uint32_t)EPOLLOUT)
		hear(a);
}

static void give_up_silent(void)
{
	static uint64_t looked;
	uint64_t now = clock_ns();

	if (now - looked < 500000000u)
		return;
	looked = now;
	for (unsigned i = 0; i < job->conns; i++)
		if (all[i].fd >= 0 && (double)(now - all[i].begun) > job->patience * 1e9)
			finish(&all[i], SILENT);
}

static void turn(void)
{
	struct epoll_event ev[256];
	bool failing = false;
	int n;

	for (unsigned i = 0; i < job->conns && in_flight < job->conns && !failing; i++)
		if (all[i].fd < 0 && may_start())
			failing = !begin(&all[i]);
	n = epoll_wait(ep, ev, sizeof(ev) / sizeof(*ev), failing ? 1 : 100);
	for (int i = 0; i < n; i++)
		ready(ev[i].data.ptr, ev[i].events);
	give_up_silent();
}

static void run_count(struct measure *m)
{
	measure_plan(m, job);
	measure_begin(m);
	while (may_start() || in_flight)
		turn();
	measure_end(m);
}

static void print(const struct measure *m)
{
	uint64_t sum = 0;

	for (int i = DONE + 1; i < OUTCOMES; i++)
		sum += failed[i];
	tally_print(&tally, m, "conn", "connection");
	printf(",\"started\":%llu,\"failed\":%llu", (unsigned long long)started,
	       (unsigned long long)sum);
	for (int i = DONE + 1; i < OUTCOMES; i++)
		printf(",\"failed_%s\":%llu", outcome_names[i], (unsigned long long)failed[i]);
	printf("}\n");
}

static void prepare(void)
{
	if (!job->greet) {
		talk.request = talk.answer = talk.greeting = pattern_at(&pattern_bytes, 0);
		talk.request_size = talk.size = job->size;
		return;
	}
	talk = (struct talk){ .greeting = (const uint8_t *)SMTP_GREETING,
			      .request = (const uint8_t *)SMTP_EHLO,
			      .answer = (const uint8_t *)SMTP_HELLO,
			      .greeting_size = strlen(SMTP_GREETING),
			      .request_size = strlen(SMTP_EHLO) };
	talk.size = talk.greeting_size + strlen(SMTP_HELLO);
}

int conn_main(const struct load *l)
{
	struct measure m;

	job = l;
	target = net_addr(l->host, l->ports[0]);
	ep = epoll_create1(EPOLL_CLOEXEC);
	all = calloc(l->conns, sizeof(*all));
	if (!all || ep < 0)
		err(1, "conn");
	if (l->size > PATTERN_SPAN)
		errx(1, "conn: --size at most %d", PATTERN_SPAN);
	prepare();
	for (unsigned i = 0; i < l->conns; i++)
		all[i].fd = -1;
	if (l->count)
		run_count(&m);
	else
		tally_run(&tally, &m, l, turn);
	print(&m);
	free(all);
	return 0;
}
