/* Bytes, ends and resets, the same on every path. */
#include "relay/relay.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "check.h"
#include "engine/timer.h"
#include "support/fds.h"
#include "support/rig.h"

#define UNTIL_END UINT64_MAX

static bool holds_something(const struct link *l)
{
	const struct half *h = l->relay.half;

	return h[0].rest || h[0].pipe || h[1].rest || h[1].pipe;
}

Test(relay, an_idle_flow_holds_nothing)
{
	const struct path *path;
	struct rig *g = rig_open(8);
	struct stream s = { .label = "up" };
	struct link l;

	for (size_t i = 0; (path = rig_path(g, &i));) {
		link_open(g, &l, path);
		s = (struct stream){ .label = path->name };
		stream_push(&s, l.peer[CLIENT], 70000);
		expect_num(stream_pull_all(&s, g, l.peer[SERVER], 70000), 0, path->name);
		for (int turn = 0; turn < 200 && holds_something(&l); turn++)
			rig_turn(g, 5);
		cr_expect(!holds_something(&l), "%s", path->name);
		link_close(g, &l);
	}
	rig_close(g);
}

Test(relay, each_side_may_end_first)
{
	const struct path *path;
	struct rig *g = rig_open(8);
	struct link l;

	for (size_t i = 0; (path = rig_path(g, &i));) {
		for (enum side side = CLIENT; side <= SERVER; side++) {
			struct stream to = { .label = path->name, .seed = 3 },
				      back = { .label = path->name, .seed = 4 };

			link_open(g, &l, path);
			while (to.sent < 200000)
				if (stream_push(&to, l.peer[side], 200000 - to.sent) < 0)
					rig_turn(g, 1);
			shutdown(l.peer[side], SHUT_WR);
			expect_num(stream_pull_all(&to, g, l.peer[other(side)], UNTIL_END), 1,
				   path->name);
			expect_num(to.got, 200000, path->name);
			cr_expect(relay_half_closed(&l.relay) && !l.ended, "%s: half closed",
				  path->name);

			/* The other half goes on. */
			for (int piece = 0; piece < 3; piece++) {
				stream_push(&back, l.peer[other(side)], 50000);
				expect_num(stream_pull_all(&back, g, l.peer[side], back.sent), 0,
					   path->name);
			}
			close(l.peer[other(side)]);
			l.peer[other(side)] = -1;
			expect_num(stream_pull_all(&back, g, l.peer[side], UNTIL_END), 1,
				   path->name);
			cr_assert(link_ended(g, &l), "%s", path->name);
			expect_num(l.how, RELAY_CLOSED, path->name);
			expect_num(l.relay.first_end, side, path->name);
			link_close(g, &l);
		}
	}
	rig_close(g);
}

Test(relay, an_end_without_a_byte)
{
	const struct path *path;
	struct rig *g = rig_open(8);
	struct link l;

	for (size_t i = 0; (path = rig_path(g, &i));) {
		struct stream none = { .label = path->name };

		link_open(g, &l, path);
		shutdown(l.peer[SERVER], SHUT_WR);
		expect_num(stream_pull_all(&none, g, l.peer[CLIENT], UNTIL_END), 1, path->name);
		shutdown(l.peer[CLIENT], SHUT_WR);
		cr_assert(link_ended(g, &l), "%s", path->name);
		expect_num(l.how, RELAY_CLOSED, path->name);
		expect_num(l.relay.first_end, SERVER, path->name);
		link_close(g, &l);
	}
	rig_close(g);
}

static void break_peer(struct link *l, enum side side)
{
	fd_reset(l->peer[side]);
	l->peer[side] = -1;
}

static void expect_broken(struct rig *g, struct link *l, enum side side, const char *path)
{
	cr_assert(link_ended(g, l), "%s: side %d", path, side);
	expect_num(l->how, RELAY_BROKEN, path);
	expect_num(l->relay.broken_side, side, path);
}

/* What was said before the reset arrives; then a reset, never an end that looks complete. */
Test(relay, a_reset_is_passed_on_as_a_reset)
{
	const struct path *path;
	struct rig *g = rig_open(8);
	struct link l;

	for (size_t i = 0; (path = rig_path(g, &i));) {
		for (enum side side = CLIENT; side <= SERVER; side++) {
			struct stream s = { .label = path->name, .seed = 3 };

			link_open(g, &l, path);
			rig_settle(g);
			stream_push(&s, l.peer[side], 5000);
			break_peer(&l, side);
			expect_num(stream_pull_all(&s, g, l.peer[other(side)], UNTIL_END),
				   -ECONNRESET, path->name);
			expect_num(s.got, 5000, "last words");
			expect_broken(g, &l, side, path->name);
			link_close(g, &l);
		}
	}
	rig_close(g);
}

Test(relay, a_reset_without_a_byte)
{
	const struct path *path;
	struct rig *g = rig_open(8);
	struct link l;

	for (size_t i = 0; (path = rig_path(g, &i));) {
		for (enum side side = CLIENT; side <= SERVER; side++) {
			struct stream s = { .label = path->name };

			link_open(g, &l, path);
			break_peer(&l, side);
			expect_num(stream_pull_all(&s, g, l.peer[other(side)], 1), -ECONNRESET,
				   path->name);
			expect_broken(g, &l, side, path->name);
			link_close(g, &l);
		}
	}
	rig_close(g);
}

/* Met by a send before its event is: the error is told once, and then the socket reads as ended. */
Test(relay, a_reset_met_while_sending)
{
	const struct path *path;
	struct rig *g = rig_open(8);
	struct link l;

	for (size_t i = 0; (path = rig_path(g, &i));) {
		for (enum side side = CLIENT; side <= SERVER; side++) {
			struct stream s = { .label = path->name }, none = { .label = path->name };

			link_open(g, &l, path);
			rig_settle(g);
			stream_push(&s, l.peer[other(side)], 1000);
			break_peer(&l, side);
			expect_num(stream_pull_all(&none, g, l.peer[other(side)], UNTIL_END),
				   -ECONNRESET, path->name);
			expect_broken(g, &l, side, path->name);
			link_close(g, &l);
		}
	}
	rig_close(g);
}

/* Bytes are still held for a slow reader when their sender is gone. */
Test(relay, a_cut_stream_never_looks_complete)
{
	const struct path *path;
	struct rig *g = rig_open(8);
	struct link l;

	for (size_t i = 0; (path = rig_path(g, &i));) {
		for (enum side side = CLIENT; side <= SERVER; side++) {
			struct stream s = { .label = path->name, .seed = 3 };
			int result;

			link_open_narrow(g, &l, path);
			for (int piece = 0; piece < 100; piece++)
				if (stream_push(&s, l.peer[side], 50000) < 0)
					rig_turn(g, 1);
			break_peer(&l, side);
			rig_settle(g);
			result = stream_pull_all(&s, g, l.peer[other(side)], UNTIL_END);
			expect_num(result, -ECONNRESET, path->name);
			cr_expect(s.got < s.sent, "%s: nothing was cut", path->name);
			expect_broken(g, &l, side, path->name);
			link_close(g, &l);
		}
	}
	rig_close(g);
}

Test(relay, a_reset_of_who_had_ended_his_half)
{
	const struct path *path;
	struct rig *g = rig_open(8);
	struct link l;

	for (size_t i = 0; (path = rig_path(g, &i));) {
		for (enum side side = CLIENT; side <= SERVER; side++) {
			struct stream to = { .label = path->name },
				      back = { .label = path->name, .seed = 4 };

			link_open(g, &l, path);
			shutdown(l.peer[side], SHUT_WR);
			expect_num(stream_pull_all(&to, g, l.peer[other(side)], UNTIL_END), 1,
				   path->name);
			stream_push(&back, l.peer[other(side)], 50000);
			rig_settle(g);
			break_peer(&l, side);
			expect_broken(g, &l, side, path->name);
			rig_settle(g);
			cr_expect(stream_push(&back, l.peer[other(side)], 1) < 0, "%s: told",
				  path->name);
			link_close(g, &l);
		}
	}
	rig_close(g);
}

/* A reader who takes nothing stops the sender, with bounded memory; later nothing is missing. */
Test(relay, a_reader_who_stops_stops_the_sender)
{
	const struct path *path;
	struct rig *g = rig_open(8);
	struct link l;

	for (size_t i = 0; (path = rig_path(g, &i));) {
		for (enum side side = CLIENT; side <= SERVER; side++) {
			struct stream s = { .label = path->name, .seed = 3 };
			uint64_t before;

			link_open_narrow(g, &l, path);
			do {
				before = s.sent;
				while (stream_push(&s, l.peer[side], 50000) > 0)
					;
				rig_settle(g);
			} while (s.sent > before);
			cr_expect(s.sent < 1500000, "%s: %lld bytes are held", path->name,
				  (long long)s.sent);
			expect_num(stream_pull_all(&s, g, l.peer[other(side)], s.sent), 0,
				   path->name);
			cr_expect(stream_push(&s, l.peer[side], 1000) == 1000,
				  "%s: there is room again", path->name);
			expect_num(stream_pull_all(&s, g, l.peer[other(side)], s.sent), 0,
				   path->name);
			link_close(g, &l);
		}
	}
	rig_close(g);
}

/* What comes until the stream ends. */
static void pull_text(struct rig *g, int fd, char *text, size_t size)
{
	msec_t end = timer_now() + 5000;
	size_t used = 0;
	ssize_t n = -1;

	while (n != 0 && used + 1 < size && timer_now() < end) {
		rig_turn(g, 2);
		n = recv(fd, text + used, size - 1 - used, MSG_DONTWAIT);
		used += n > 0 ? (size_t)n : 0;
	}
	text[used] = '\0';
}

Test(relay, urgent_bytes_are_bytes)
{
	const struct path *path;
	struct rig *g = rig_open(8);
	char got[64];
	struct link l;

	for (size_t i = 0; (path = rig_path(g, &i));) {
		for (enum side side = CLIENT; side <= SERVER; side++) {
			int from, to;

			link_open(g, &l, path);
			from = l.peer[side];
			to = l.peer[other(side)];
			cr_assert(send(from, "before ", 7, 0) == 7 &&
				  send(from, "urgent!", 7, MSG_OOB) == 7 &&
				  send(from, " after", 6, 0) == 6);
			rig_settle(g);
			cr_assert(send(from, " once", 5, MSG_OOB) == 5);
			rig_settle(g);
			cr_assert(send(from, " more", 5, 0) == 5);
			shutdown(from, SHUT_WR);
			pull_text(g, to, got, sizeof(got));
			expect_str(got, "before urgent! after once more", path->name);
			link_close(g, &l);
		}
	}
	rig_close(g);
}

/* The end is there already when the mark is met: what lies behind the mark is no less part of it. */
Test(relay, urgent_bytes_before_an_end)
{
	const struct path *path;
	struct rig *g = rig_open(8);
	char got[64];
	struct link l;

	for (size_t i = 0; (path = rig_path(g, &i));) {
		for (enum side side = CLIENT; side <= SERVER; side++) {
			int from;

			link_open(g, &l, path);
			from = l.peer[side];
			cr_assert(send(from, "before ", 7, 0) == 7 &&
				  send(from, "urgent!", 7, MSG_OOB) == 7 &&
				  send(from, " after", 6, 0) == 6);
			shutdown(from, SHUT_WR);
			pull_text(g, l.peer[other(side)], got, sizeof(got));
			expect_str(got, "before urgent! after", path->name);
			link_close(g, &l);
		}
	}
	rig_close(g);
}

/* Whatever is under way, an end from our side leaves nothing. */
Test(relay, closing_at_any_moment)
{
	const struct path *path;
	struct rig *g = rig_open(8);
	unsigned seed = 11;
	struct link l;

	for (size_t i = 0; (path = rig_path(g, &i));) {
		for (int round = 0; round < 40; round++) {
			struct stream s[2] = { { .label = path->name },
					       { .label = path->name, .seed = 7 } };

			link_open_narrow(g, &l, path);
			for (int turns = rand_r(&seed) % 12; turns > 0; turns--) {
				for (enum side side = CLIENT; side <= SERVER; side++) {
					stream_push(&s[side], l.peer[side],
						    (size_t)rand_r(&seed) % 60000);
					if (rand_r(&seed) % 3)
						stream_pull(&s[side], l.peer[other(side)], 20000);
				}
				rig_turn(g, 0);
			}
			if (rand_r(&seed) % 2)
				relay_close(&l.relay, rand_r(&seed) % 2);
			link_close(g, &l);
		}
	}
	rig_close(g);
}

Test(relay, closing_in_order_ends_and_closing_by_reset_resets)
{
	const struct path *path;
	struct rig *g = rig_open(8);
	struct link l;

	for (size_t i = 0; (path = rig_path(g, &i));) {
		for (int reset = 0; reset <= 1; reset++) {
			struct stream s = { .label = path->name };

			link_open(g, &l, path);
			rig_settle(g);
			relay_close(&l.relay, reset);
			for (enum side side = CLIENT; side <= SERVER; side++)
				expect_num(stream_pull_all(&s, g, l.peer[side], UNTIL_END),
					   reset ? -ECONNRESET : 1, path->name);
			link_close(g, &l);
		}
	}
	rig_close(g);
}

Test(relay, last_moved_is_when_bytes_moved)
{
	const struct path *path;
	struct rig *g = rig_open(8);
	struct link l;

	for (size_t i = 0; (path = rig_path(g, &i));) {
		struct stream s = { .label = path->name };
		msec_t before;

		link_open(g, &l, path);
		rig_settle(g);
		before = l.relay.last_moved;
		usleep(5000);
		rig_settle(g);
		expect_num(l.relay.last_moved, before, "silence");
		stream_push(&s, l.peer[SERVER], 10);
		expect_num(stream_pull_all(&s, g, l.peer[CLIENT], 10), 0, path->name);
		link_counts(g, &l, SERVER, 10, path->name);
		cr_expect(l.relay.last_moved > before, "%s: bytes", path->name);
		link_close(g, &l);
	}
	rig_close(g);
}
