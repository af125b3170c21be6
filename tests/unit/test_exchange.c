/* Both directions at once, on every path: every byte, once, in order, and counted. */
#include "relay/relay.h"

#include <stdlib.h>

#include "check.h"
#include "engine/timer.h"
#include "support/rig.h"

/* Both peers send pieces of random sizes and take others; `slow` says which reads seldom. */
static void exchange(struct rig *g, struct link *l, const char *path, uint64_t total, int slow)
{
	struct stream s[2] = { { .label = path, .seed = 1 }, { .label = path, .seed = 999 } };
	msec_t end = timer_now() + 8000;
	unsigned seed = 5;

	while ((s[0].got < total || s[1].got < total) && timer_now() < end) {
		for (enum side side = CLIENT; side <= SERVER; side++) {
			size_t size = 1 + (size_t)rand_r(&seed) % 70000;
			uint64_t left = total - s[side].sent;

			if (left)
				stream_push(&s[side], l->peer[side], min_of(size, left));
			if (rand_r(&seed) % ((int)other(side) == slow ? 12 : 2) == 0)
				stream_pull(&s[side], l->peer[other(side)],
					    1 + (size_t)rand_r(&seed) % 90000);
		}
		rig_turn(g, 0);
	}
	for (enum side side = CLIENT; side <= SERVER; side++) {
		expect_num(s[side].got, total, path);
		link_counts(g, l, side, total, path);
	}
}

Test(exchange, both_directions_at_once)
{
	const struct path *path;
	struct rig *g = rig_open(8);
	struct link l;

	for (size_t i = 0; (path = rig_path(g, &i));) {
		link_open(g, &l, path);
		exchange(g, &l, path->name, 2000000, -1);
		link_close(g, &l);
	}
	rig_close(g);
}

Test(exchange, slow_readers_behind_narrow_buffers)
{
	const struct path *path;
	struct rig *g = rig_open(8);
	struct link l;

	for (size_t i = 0; (path = rig_path(g, &i));) {
		for (enum side side = CLIENT; side <= SERVER; side++) {
			link_open_narrow(g, &l, path);
			exchange(g, &l, path->name, 250000, (int)side);
			link_close(g, &l);
		}
	}
	rig_close(g);
}

Test(exchange, without_pipes_all_is_copied)
{
	const struct path *path;
	struct rig *g = rig_open(0);
	struct link l;

	for (size_t i = 0; (path = rig_path(g, &i));) {
		link_open(g, &l, path);
		exchange(g, &l, path->name, 500000, -1);
		link_close(g, &l);
	}
	rig_close(g);
}

/* Until a buffer was full nobody is told of room, and then whoever waits for it. */
Test(exchange, room_is_asked_for_when_there_is_none)
{
	const struct path *path;
	struct rig *g = rig_open(8);
	struct link l;

	for (size_t i = 0; (path = rig_path(g, &i));) {
		struct stream s = { .label = path->name };
		ssize_t n;

		link_open_narrow(g, &l, path);
		stream_push(&s, l.peer[CLIENT], 100);
		expect_num(stream_pull_all(&s, g, l.peer[SERVER], 100), 0, path->name);
		cr_expect(!l.relay.leg[SERVER].room.armed, "%s: a message", path->name);
		do {
			n = stream_push(&s, l.peer[CLIENT], SIZE_MAX);
			rig_settle(g);
		} while (n > 0);
		/* What the kernel carries waits in it, until the worker has some of it too. */
		cr_expect(l.relay.leg[SERVER].room.armed == l.relay.half[CLIENT].blocked, "%s: full", path->name);
		cr_expect(l.relay.carried || l.relay.half[CLIENT].blocked, "%s: full", path->name);
		expect_num(stream_pull_all(&s, g, l.peer[SERVER], s.sent), 0, path->name);
		cr_expect(!l.relay.leg[CLIENT].room.armed, "%s: the other way", path->name);
		link_close(g, &l);
		/* The kernel may answer later than it lets go of the rest. */
		l.relay.leg[SERVER].room.armed = true;
		cr_expect(!relay_reap(&l.relay), "%s: not before it answered", path->name);
		l.relay.leg[SERVER].room.armed = false;
		cr_expect(relay_reap(&l.relay), "%s: gone", path->name);
	}
	rig_close(g);
}
