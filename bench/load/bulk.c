/* bulk - streams that run one way as fast as they can; up is towards the server, down is from it.
 * Counted at this end. Over seconds the bytes still in buffers at either edge of the window are
 * nothing. */
#include <err.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>

#include "load.h"
#include "net.h"
#include "pattern.h"
#include "tally.h"

struct stream {
	int fd;
	uint64_t offset;
};

static int ep;
static const struct load *job;
static struct tally tally; /* bytes */
static uint8_t scratch[PATTERN_SPAN];

static ssize_t push(struct stream *s)
{
	ssize_t n = send(s->fd, pattern_at(&pattern_bytes, s->offset), job->size, 0);

	if (n < 0 && errno != EAGAIN)
		err(1, "bulk: send");
	return n < 0 ? 0 : n;
}

static ssize_t pull(struct stream *s)
{
	ssize_t n = recv(s->fd, scratch, job->size, 0);

	if (n == 0)
		errx(1, "bulk: a stream ended");
	if (n < 0 && errno != EAGAIN)
		err(1, "bulk: recv");
	if (n > 0 && job->verify && !pattern_holds(&pattern_bytes, s->offset, scratch, (size_t)n))
		errx(1, "bulk: wrong bytes after %llu", (unsigned long long)s->offset);
	return n < 0 ? 0 : n;
}

static void open_all(struct stream *all)
{
	struct peer_addr a = net_addr(job->host, job->ports[0]);

	for (unsigned i = 0; i < job->conns; i++)
		all[i].fd = net_join(ep, &a, job->patience, job->up ? EPOLLOUT : EPOLLIN, &all[i]);
}

static void turn(void)
{
	struct epoll_event ev[64];
	int n = net_await(ep, ev, sizeof(ev) / sizeof(*ev), job->patience, "bulk");

	for (int i = 0; i < n; i++) {
		struct stream *s = ev[i].data.ptr;
		ssize_t some = job->up ? push(s) : pull(s);

		s->offset += (uint64_t)some;
		tally.done += (uint64_t)some;
	}
}

int bulk_main(const struct load *l)
{
	struct stream *all = calloc(l->conns, sizeof(*all));
	struct measure m;

	if (l->up == l->down)
		errx(1, "bulk: --up or --down");
	if (l->size > PATTERN_SPAN)
		errx(1, "bulk: --size at most %d", PATTERN_SPAN);
	job = l;
	ep = epoll_create1(EPOLL_CLOEXEC);
	if (!all || ep < 0)
		err(1, "bulk");
	open_all(all);
	tally_run(&tally, &m, l, turn);
	measure_print(&m, l->up ? "bulk-up" : "bulk-down", "GB", (double)tally.done / 1e9);
	printf(",\"gbit_s\":%.4f}\n", (double)tally.done * 8 / 1e9 / m.seconds);
	free(all);
	return 0;
}
