/* bulk - streams that run one way as fast as they can; up is towards the server, down is from it.
 * Counted at this end. Over seconds the bytes still in buffers at either edge of the window are
 * nothing. */
#include <err.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>

#include "load.h"
#include "measure.h"
#include "net.h"
#include "pattern.h"

struct stream {
	int fd;
	uint64_t offset;
};

static const struct load *job;
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

static void open_all(int ep, struct stream *all)
{
	struct peer_addr a = net_addr(job->host, job->ports[0]);

	for (unsigned i = 0; i < job->conns; i++) {
		all[i].fd = net_connect(&a, job->patience);
		net_nonblocking(all[i].fd);
		net_watch(ep, EPOLL_CTL_ADD, all[i].fd, job->up ? EPOLLOUT : EPOLLIN, &all[i]);
	}
}

static uint64_t turn(int ep)
{
	struct epoll_event ev[64];
	int n = epoll_wait(ep, ev, sizeof(ev) / sizeof(*ev), (int)(job->patience * 1000));
	uint64_t moved = 0;

	if (n == 0)
		errx(1, "bulk: nothing moved for %g s", job->patience);
	for (int i = 0; i < n; i++) {
		struct stream *s = ev[i].data.ptr;
		ssize_t some = job->up ? push(s) : pull(s);

		s->offset += (uint64_t)some;
		moved += (uint64_t)some;
	}
	return moved;
}

int bulk_main(const struct load *l)
{
	struct stream *all = calloc(l->conns, sizeof(*all));
	int ep = epoll_create1(EPOLL_CLOEXEC);
	enum measure_turn now;
	struct measure m;
	uint64_t bytes = 0;

	if (l->up == l->down)
		errx(1, "bulk: --up or --down");
	if (l->size > PATTERN_SPAN)
		errx(1, "bulk: --size at most %d", PATTERN_SPAN);
	job = l;
	if (!all || ep < 0)
		err(1, "bulk");
	open_all(ep, all);
	measure_plan(&m, l);
	while ((now = measure_turn(&m, clock_ns())) != MEASURE_CLOSES) {
		if (now == MEASURE_OPENS)
			bytes = 0;
		bytes += turn(ep);
	}
	measure_print(&m, l->up ? "bulk-up" : "bulk-down", "GB", (double)bytes / 1e9);
	printf(",\"gbit_s\":%.4f}\n", (double)bytes * 8 / 1e9 / m.seconds);
	free(all);
	return 0;
}
