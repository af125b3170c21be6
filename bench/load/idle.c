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

/* Freed memory comes back with a delay (RCU, timers, a garbage collector). */
#define SETTLE_US 500000

static void exchange(int fd, const struct load *l)
{
	static uint8_t back[PATTERN_SPAN];

	if (send(fd, pattern_at(&pattern_bytes, 0), l->size, 0) != (ssize_t)l->size)
		err(1, "idle: send");
	for (size_t got = 0; got < l->size;) {
		ssize_t n = recv(fd, back + got, l->size - got, 0);

		if (n < 0)
			err(1, "idle: recv");
		if (n == 0)
			errx(1, "idle: a connection was closed");
		got += (size_t)n;
	}
	if (l->verify && !pattern_holds(&pattern_bytes, 0, back, l->size))
		errx(1, "idle: wrong bytes");
}

static void open_some(const struct load *l, int *fds, unsigned from, unsigned to)
{
	struct peer_addr a = net_addr(l->host, l->ports[0]);

	for (unsigned i = from; i < to; i++) {
		fds[i] = net_connect(&a, l->patience);
		exchange(fds[i], l);
	}
}

static void still_open(const int *fds, unsigned n)
{
	uint8_t byte;

	for (unsigned i = 0; i < n; i++)
		if (recv(fds[i], &byte, 1, MSG_DONTWAIT) >= 0 || errno != EAGAIN)
			errx(1, "idle: a connection ended or spoke while it was held");
}

static struct footprint look(const struct load *l)
{
	usleep(SETTLE_US);
	return footprint_of(l->pids, l->npids);
}

/* Since none were there, for each of so many. */
static void print_flow(const char *when, const struct footprint *none, const struct footprint *f,
		       unsigned flows)
{
	printf(",\"%suser_per_flow\":%.1f,\"%srss_per_flow\":%.1f,\"%skernel_per_flow\":%.1f", when,
	       (f->user - none->user) / flows, when, (f->rss - none->rss) / flows, when,
	       footprint_growth(none, f) / flows);
}

static void print_held(const char *when, const struct footprint *f)
{
	printf(",\"rss_%s\":%.0f,\"user_%s\":%.0f,\"kernel_%s\":%.0f", when, f->rss, when, f->user,
	       when, f->slabs + f->pages);
	printf(",\"fds_%s\":%ld,\"pipe_ends_%s\":%ld", when, f->fds, when, f->pipe_ends);
}

int idle_main(const struct load *l)
{
	int *fds = calloc(l->conns, sizeof(*fds));
	struct footprint before, first = { 0 }, after;
	struct measure m;

	if (!fds)
		err(1, "idle");
	if (l->size > PATTERN_SPAN)
		errx(1, "idle: --size at most %d", PATTERN_SPAN);
	if (l->first >= l->conns)
		errx(1, "idle: --first is less than --conns");
	before = look(l);
	open_some(l, fds, 0, l->first);
	if (l->first)
		first = look(l);
	open_some(l, fds, l->first, l->conns);
	measure_plan(&m, l);
	measure_begin(&m);
	usleep((useconds_t)(l->seconds * 1e6));
	measure_end(&m);
	after = look(l);
	still_open(fds, l->conns);
	measure_print(&m, "idle", "flow", l->conns);
	print_held("before", &before);
	print_held("after", &after);
	print_flow("", &before, &after, l->conns);
	if (l->first)
		print_flow("first_", &before, &first, l->first);
	printf("}\n");
	free(fds);
	return 0;
}
