/* rr - request and response: connections that each have one exchange under way, always.
 * A closed loop: a slow proxy is offered less, so the figures to compare are exchanges a second and
 * CPU an exchange; the latencies are those under full load. */
#include <err.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "load.h"
#include "net.h"
#include "pattern.h"
#include "tally.h"

struct exchange {
	int fd;
	bool blocked; /* watched for writability too */
	uint64_t begun;
	size_t sent, got; /* of this request and its response */
	uint64_t offset;  /* of both in their streams: they are equally long */
};

static int ep;
static const struct load *job;
static uint8_t scratch[PATTERN_SPAN];
static struct tally tally;

static void want_write(struct exchange *x, bool want)
{
	if (x->blocked == want)
		return;
	x->blocked = want;
	net_watch(ep, EPOLL_CTL_MOD, x->fd, want ? EPOLLIN | EPOLLOUT : EPOLLIN, x);
}

static void ask(struct exchange *x)
{
	while (x->sent < job->size) {
		size_t left = job->size - x->sent;
		ssize_t n = send(x->fd, pattern_at(&pattern_bytes, x->offset + x->sent),
				 left < PATTERN_SPAN ? left : PATTERN_SPAN, 0);

		if (n < 0 && errno == EAGAIN) {
			want_write(x, true);
			return;
		}
		if (n < 0)
			err(1, "rr: send");
		x->sent += (size_t)n;
	}
	want_write(x, false);
}

static void finish(struct exchange *x)
{
	uint64_t now = clock_ns();

	tally_add(&tally, now - x->begun);
	x->offset += job->size;
	x->sent = x->got = 0;
	x->begun = now;
	ask(x);
}

static void hear(struct exchange *x)
{
	ssize_t n = recv(x->fd, scratch, sizeof(scratch), 0);

	if (n < 0 && errno == EAGAIN)
		return;
	if (n < 0)
		err(1, "rr: recv");
	if (n == 0)
		errx(1, "rr: a connection was closed in the middle");
	if (job->verify && !pattern_holds(&pattern_bytes, x->offset + x->got, scratch, (size_t)n))
		errx(1, "rr: wrong bytes after %llu", (unsigned long long)(x->offset + x->got));
	x->got += (size_t)n;
	if (x->got > x->sent)
		errx(1, "rr: more came back than was sent");
	if (x->got == job->size)
		finish(x);
}

static void open_all(struct exchange *all)
{
	struct peer_addr a = net_addr(job->host, job->ports[0]);

	for (unsigned i = 0; i < job->conns; i++)
		all[i].fd = net_join(ep, &a, job->patience, EPOLLIN, &all[i]);
	for (unsigned i = 0; i < job->conns; i++) {
		all[i].begun = clock_ns();
		ask(&all[i]);
	}
}

static void turn(void)
{
	struct epoll_event ev[256];
	int n = net_await(ep, ev, sizeof(ev) / sizeof(*ev), job->patience, "rr");

	for (int i = 0; i < n; i++) {
		struct exchange *x = ev[i].data.ptr;

		if (ev[i].events & EPOLLOUT)
			ask(x);
		if (ev[i].events & ~(uint32_t)EPOLLOUT)
			hear(x);
	}
}

int rr_main(const struct load *l)
{
	struct exchange *all = calloc(l->conns, sizeof(*all));
	struct measure m;

	job = l;
	ep = epoll_create1(EPOLL_CLOEXEC);
	if (!all || ep < 0)
		err(1, "rr");
	open_all(all);
	tally_run(&tally, &m, l, turn);
	tally_print(&tally, &m, "rr", "exchange");
	printf("}\n");
	free(all);
	return 0;
}
