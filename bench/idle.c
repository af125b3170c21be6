/* idle - connections that have spoken once and then wait, as IMAP IDLE does, and what they cost.
 * The window is the time of waiting, so the CPU is what it costs to do nothing. */
#include <err.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "footprint.h"
#include "load.h"
#include "measure.h"
#include "net.h"
#include "pattern.h"

static void exchange(int fd, const struct load *l)
{
	static uint8_t back[PATTERN_SPAN];

	if (send(fd, pattern_at(0), l->size, 0) != (ssize_t)l->size)
		err(1, "idle: send");
	for (size_t got = 0; got < l->size;) {
		ssize_t n = recv(fd, back + got, l->size - got, 0);

		if (n < 0)
			err(1, "idle: recv");
		if (n == 0)
			errx(1, "idle: a connection was closed");
		got += (size_t)n;
	}
	if (l->verify && !pattern_holds(0, back, l->size))
		errx(1, "idle: wrong bytes");
}

static void still_open(const int *fds, unsigned n)
{
	uint8_t byte;

	for (unsigned i = 0; i < n; i++)
		if (recv(fds[i], &byte, 1, MSG_DONTWAIT) >= 0 || errno != EAGAIN)
			errx(1, "idle: a connection ended or spoke while it was held");
}

static void print(const struct load *l, const struct measure *m, struct footprint a,
		  struct footprint b)
{
	measure_print(m, "idle", "flow", l->conns);
	printf(",\"rss_before\":%.0f,\"rss_after\":%.0f,\"user_before\":%.0f,\"user_after\":%.0f",
	       a.rss, b.rss, a.user, b.user);
	printf(",\"user_per_flow\":%.1f,\"rss_per_flow\":%.1f", (b.user - a.user) / l->conns,
	       (b.rss - a.rss) / l->conns);
	printf(",\"fds_before\":%ld,\"fds_after\":%ld,\"pipe_ends_before\":%ld,\"pipe_ends_after\":%ld}\n",
	       a.fds, b.fds, a.pipe_ends, b.pipe_ends);
}

int idle_main(const struct load *l)
{
	struct peer_addr a = net_addr(l->host, l->ports[0]);
	int *fds = calloc(l->conns, sizeof(*fds));
	struct footprint before, after;
	struct measure m;

	if (!fds)
		err(1, "idle");
	if (l->size > PATTERN_SPAN)
		errx(1, "idle: --size at most %d", PATTERN_SPAN);
	before = footprint_of(l->pids, l->npids);
	for (unsigned i = 0; i < l->conns; i++) {
		fds[i] = net_connect(&a, l->patience);
		exchange(fds[i], l);
	}
	measure_plan(&m, l);
	measure_begin(&m);
	usleep((useconds_t)(l->seconds * 1e6));
	measure_end(&m);
	after = footprint_of(l->pids, l->npids);
	still_open(fds, l->conns);
	print(l, &m, before, after);
	free(fds);
	return 0;
}
