/* paced - requests at a fixed rate, whatever the answers do (an open loop).
 * Each request has the time at which it was due, and its latency counts from there: where the proxy
 * or this loop falls behind, all that wait behind it count as late too (no coordinated omission).
 * The k-th request of connection c is the (k * conns + c)-th of all, so due times need no memory. */
#include <err.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>

#include "load.h"
#include "net.h"
#include "pattern.h"
#include "tally.h"

struct stream {
	int fd;
	uint64_t sent, got; /* bytes */
};

static int ep;
static const struct load *job;
static struct stream *all;
static uint8_t scratch[PATTERN_SPAN];
static struct tally tally;
static uint64_t begun, asked;
static double gap; /* nanoseconds between two requests */

static uint64_t due(uint64_t request)
{
	return begun + (uint64_t)((double)request * gap);
}

static void ask(struct stream *s)
{
	const uint8_t *bytes = pattern_at(&pattern_bytes, s->sent);
	ssize_t n = send(s->fd, bytes, job->size, 0);

	/* Megabytes of answers are missing: no figure would mean anything. */
	if (n != (ssize_t)job->size)
		errx(1, "paced: hopelessly behind at this rate");
	s->sent += job->size;
}

static void hear(struct stream *s, uint64_t now)
{
	ssize_t n = recv(s->fd, scratch, sizeof(scratch), 0);
	uint64_t first = s->got / job->size, last;

	if (n < 0 && errno == EAGAIN)
		return;
	if (n <= 0)
		errx(1, "paced: a connection ended");
	if (job->verify && !pattern_holds(&pattern_bytes, s->got, scratch, (size_t)n))
		errx(1, "paced: wrong bytes after %llu", (unsigned long long)s->got);
	s->got += (uint64_t)n;
	last = s->got / job->size;
	for (uint64_t k = first; k < last; k++)
		tally_add(&tally, now - due(k * job->conns + (uint64_t)(s - all)));
}

static void turn(void)
{
	struct epoll_event ev[256];
	uint64_t now = clock_ns();
	struct timespec wait = { 0 };
	int n;

	for (; due(asked) <= now; asked++)
		ask(&all[asked % job->conns]);
	now = clock_ns();
	if (due(asked) > now)
		wait.tv_nsec = (long)(due(asked) - now);
	n = epoll_pwait2(ep, ev, sizeof(ev) / sizeof(*ev), &wait, NULL);
	now = clock_ns();
	for (int i = 0; i < n; i++)
		hear(ev[i].data.ptr, now);
}

static void open_all(void)
{
	struct peer_addr a = net_addr(job->host, job->ports[0]);

	for (unsigned i = 0; i < job->conns; i++)
		all[i].fd = net_join(ep, &a, job->patience, EPOLLIN, &all[i]);
}

int paced_main(const struct load *l)
{
	struct measure m;

	job = l;
	if (l->rate < 2)
		errx(1, "paced: --rate, at least 2 a second");
	ep = epoll_create1(EPOLL_CLOEXEC);
	all = calloc(l->conns, sizeof(*all));
	if (!all || ep < 0)
		err(1, "paced");
	gap = 1e9 / l->rate;
	/* Timers are late by 50 µs otherwise, so that some may share a wake-up. */
	prctl(PR_SET_TIMERSLACK, 1);
	open_all();
	begun = clock_ns();
	tally_run(&tally, &m, l, turn);
	tally_print(&tally, &m, "paced", "exchange");
	printf(",\"asked_rate\":%.0f}\n", l->rate);
	free(all);
	return 0;
}
