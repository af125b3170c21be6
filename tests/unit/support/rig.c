#include "rig.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "../check.h"
#include "engine/timer.h"
#include "fds.h"
#include "relay/marks.h"
#include "relay/outbox.h"
#include "turns.h"

#define PATIENCE 8000
#define NARROW	 16384

const struct path *rig_path(const struct rig *g, size_t *i)
{
	const struct path *p;

	while ((p = paths[*i])) {
		++*i;
		if (!p->missing || !p->missing(g->host.ring))
			break;
	}
	return p;
}

static void on_ended(struct relay *r, enum relay_end how)
{
	struct link *l = container_of(r, struct link, relay);

	cr_expect(!l->ended, "ended twice");
	l->ended = true;
	l->how = how;
	relay_close(r, how != RELAY_CLOSED);
}

struct rig *rig_open(size_t pipes)
{
	struct rig *g = calloc(1, sizeof(*g));

	signal(SIGPIPE, SIG_IGN);
	for (size_t i = 0; paths[i]; i++)
		path_prepare(paths[i], 1);
	g->fds_before = fds_count();
	g->host.ring = ring_of_test();
	g->host.pipes = &g->pipes;
	g->host.timers = &g->timers;
	timers_init(&g->timers);
	g->host.outbox = outbox_open();
	g->host.marks = marks_open();
	g->host.buffer = g->buffer;
	g->host.buffer_size = sizeof(g->buffer);
	g->host.ended = on_ended;
	g->host.now = timer_now();
	list_init(&g->host.runnable);
	pipes_init(&g->pipes, pipes);
	return g;
}

void rig_close(struct rig *g)
{
	size_t idle = g->pipes.nidle, open = g->pipes.nopen;

	pipes_finish(&g->pipes);
	while (!paths_leave(&g->host))
		rig_turn(g, 10);
	timers_finish(&g->timers);
	ring_close(g->host.ring);
	marks_close(g->host.marks);
	outbox_close(g->host.outbox);
	expect_num(open, idle, "pipes: all came back");
	expect_num(fds_count(), g->fds_before, "descriptors");
	free(g);
}

void rig_turn(struct rig *g, msec_t wait)
{
	struct list again, *node;

	wait = min_of(wait, timers_wait(&g->timers, g->host.now));
	ring_wait(g->host.ring, list_empty(&g->host.runnable) ? wait : 0);
	g->host.now = timer_now();
	outbox_settle(&g->host);
	ring_dispatch(g->host.ring);
	timers_run(&g->timers, g->host.now);
	list_init(&again);
	while ((node = list_pop(&g->host.runnable)))
		list_add(&again, node);
	while ((node = list_pop(&again)))
		relay_resume(container_of(node, struct relay, runnable));
	for (size_t i = 0; i < RIG_LINKS; i++)
		if (g->links[i] && g->links[i]->relay.closing)
			relay_reap(&g->links[i]->relay);
}

void rig_settle(struct rig *g)
{
	msec_t quiet_since = timer_now();

	for (int i = 0; i < 2000 && timer_now() - quiet_since < 6; i++) {
		msec_t before = timer_now();

		rig_turn(g, 3);
		if (timer_now() - before < 2 || !list_empty(&g->host.runnable))
			quiet_since = timer_now();
	}
}

static void open_pairs(struct link *l, int leg[2])
{
	int fd[2];

	for (size_t i = 0; i < 2; i++) {
		tcp_pair(fd);
		l->peer[i] = fd[0];
		leg[i] = fd[1];
		fd_nonblocking(fd[0]);
		/* As leg_options_set() does; urgent bytes stay in the stream. */
		fd_set_option(leg[i], SOL_SOCKET, SO_OOBINLINE, 1);
		fd_set_option(fd[0], SOL_SOCKET, SO_OOBINLINE, 1);
	}
}

static void enlist(struct rig *g, struct link *l)
{
	size_t i = 0;

	while (g->links[i])
		i++;
	g->links[i] = l;
}

void link_open(struct rig *g, struct link *l, const struct path *path)
{
	int leg[2];

	*l = (struct link){ 0 };
	enlist(g, l);
	open_pairs(l, leg);
	relay_start(&l->relay, &g->host, path, leg[CLIENT], leg[SERVER]);
}

void link_open_with(struct rig *g, struct link *l, const struct path *path,
		    const struct relay_opening *o)
{
	int leg[2];

	*l = (struct link){ 0 };
	enlist(g, l);
	open_pairs(l, leg);
	fd_set_option(leg[SERVER], SOL_SOCKET, SO_SNDBUF, NARROW);
	cr_assert(relay_start_with(&l->relay, &g->host, path, leg[CLIENT], leg[SERVER], o));
}

void link_open_narrow(struct rig *g, struct link *l, const struct path *path)
{
	int leg[2];

	*l = (struct link){ 0 };
	enlist(g, l);
	open_pairs(l, leg);
	for (size_t i = 0; i < 2; i++) {
		fd_set_option(leg[i], SOL_SOCKET, SO_SNDBUF, NARROW);
		fd_set_option(leg[i], SOL_SOCKET, SO_RCVBUF, NARROW);
		fd_set_option(l->peer[i], SOL_SOCKET, SO_SNDBUF, NARROW);
		fd_set_option(l->peer[i], SOL_SOCKET, SO_RCVBUF, NARROW);
	}
	relay_start(&l->relay, &g->host, path, leg[CLIENT], leg[SERVER]);
}

bool link_ended(struct rig *g, struct link *l)
{
	msec_t end = timer_now() + PATIENCE;

	while (!l->ended && timer_now() < end)
		rig_turn(g, 10);
	return l->ended;
}

void link_counts(struct rig *g, struct link *l, enum side from, uint64_t n, const char *label)
{
	msec_t end = timer_now() + PATIENCE;

	for (relay_refresh(&l->relay); l->relay.half[from].moved != n && timer_now() < end;
	     relay_refresh(&l->relay))
		rig_turn(g, 1);
	expect_num(l->relay.half[from].moved, n, label);
}

void link_close(struct rig *g, struct link *l)
{
	msec_t end = timer_now() + PATIENCE;

	for (size_t i = 0; i < 2; i++) {
		if (l->peer[i] >= 0)
			close(l->peer[i]);
		l->peer[i] = -1;
	}
	relay_close(&l->relay, true);
	while (!relay_reap(&l->relay) && timer_now() < end)
		rig_turn(g, 10);
	cr_expect(relay_reap(&l->relay), "the kernel never let go of the relay");
	for (size_t i = 0; i < RIG_LINKS; i++)
		if (g->links[i] == l)
			g->links[i] = NULL;
	rig_turn(g, 0);
}

static uint8_t byte_at(const struct stream *s, uint64_t at)
{
	return (uint8_t)((at + s->seed) * 0x9e3779b97f4a7c15u >> 40);
}

ssize_t stream_push(struct stream *s, int fd, size_t n)
{
	struct pollfd room = { .fd = fd, .events = POLLOUT };
	static uint8_t bytes[1 << 17];
	ssize_t sent;

	if (poll(&room, 1, 0) == 0)
		return -EAGAIN;
	n = min_of(n, sizeof(bytes));
	for (size_t i = 0; i < n; i++)
		bytes[i] = byte_at(s, s->sent + i);
	sent = send(fd, bytes, n, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (sent < 0)
		return -errno;
	s->sent += (uint64_t)sent;
	return sent;
}

ssize_t stream_pull(struct stream *s, int fd, size_t n)
{
	static uint8_t bytes[1 << 17];
	ssize_t got = recv(fd, bytes, min_of(n, sizeof(bytes)), MSG_DONTWAIT);

	if (got < 0)
		return -errno;
	for (size_t i = 0; i < (size_t)got && !s->broken; i++)
		s->broken = bytes[i] != byte_at(s, s->got + i);
	s->got += (uint64_t)got;
	cr_assert(!s->broken, "%s: a wrong byte before %lld", s->label, (long long)s->got);
	return got;
}

int stream_pull_all(struct stream *s, struct rig *g, int fd, uint64_t total)
{
	msec_t end = timer_now() + PATIENCE;
	ssize_t n = -EAGAIN;

	while (s->got < total && (n > 0 || n == -EAGAIN) && timer_now() < end) {
		rig_turn(g, n > 0 ? 0 : 2);
		n = stream_pull(s, fd, SIZE_MAX);
	}
	if (s->got >= total)
		return 0;
	return n == 0 ? 1 : (int)n;
}
