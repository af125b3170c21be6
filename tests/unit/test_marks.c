/* What lies behind an urgent mark is moved although nothing announces it, asked at once or later. */
#include "relay/marks.h"

#include <stdlib.h>
#include <unistd.h>

#include "check.h"
#include "engine/timer.h"
#include "relay/auto.h"
#include "relay/copy.h"
#include "support/fds.h"
#include "support/rig.h"

/* More than it has. */
#define HALVES 5000

#define FEW 10

static const struct path *const both[] = { &path_copy, &path_auto };

/* As in a worker with much to do. */
static struct rig *crowded(void)
{
	struct rig *g = rig_open(4);

	g->host.results = MARKS_CROWD;
	return g;
}

static void send_around_a_mark(int fd)
{
	cr_assert(send(fd, "one!", 4, MSG_OOB) == 4);
	cr_assert(send(fd, "two", 3, 0) == 3);
	usleep(1000);
}

static bool turn_until_unlooked(struct rig *g, const struct half *h)
{
	for (int turn = 0; turn < 100 && !h->unlooked; turn++)
		rig_turn(g, 1);
	return h->unlooked;
}

/* Of "one!two" what comes. */
static void expect_all(struct rig *g, int fd, const char *label)
{
	msec_t end = timer_now() + 5000;
	char got[16] = "";
	size_t n = 0;

	while (n < 7 && timer_now() < end) {
		ssize_t now;

		rig_turn(g, 5);
		now = fd_read(fd, got + n, sizeof(got) - 1 - n);
		n += now > 0 ? (size_t)now : 0;
	}
	expect_str(got, "one!two", label);
}

Test(marks, are_looked_at_later)
{
	struct rig *g = crowded();

	for (size_t i = 0; i < ARRAY_LEN(both); i++) {
		for (enum side side = CLIENT; side <= SERVER; side++) {
			struct half *h;
			struct link l;

			link_open(g, &l, both[i]);
			h = &l.relay.half[side];
			send_around_a_mark(l.peer[side]);
			cr_assert(turn_until_unlooked(g, h), "%s", both[i]->name);
			expect_num(h->moved, 3, both[i]->name);
			rig_turn(g, 0);
			cr_expect(!h->unlooked || !relay_at_rest(&l.relay), "more may be there");
			expect_all(g, l.peer[other(side)], both[i]->name);
			cr_expect(!h->unlooked || h->mark_place, "it will be looked at");
			link_close(g, &l);
		}
	}
	rig_close(g);
}

/* Nobody else would wake the worker that sleeps then. */
Test(marks, are_looked_at_at_once_where_there_is_little_to_do)
{
	struct rig *g = rig_open(4);

	for (size_t i = 0; i < ARRAY_LEN(both); i++) {
		struct link l;

		link_open(g, &l, both[i]);
		g->host.results = MARKS_CROWD - 1;
		send_around_a_mark(l.peer[CLIENT]);
		expect_all(g, l.peer[SERVER], both[i]->name);
		cr_expect(!l.relay.half[CLIENT].unlooked && !l.relay.half[CLIENT].mark_place);
		link_close(g, &l);
	}
	rig_close(g);
}

/* A read passes the mark: there is nothing left to look for. */
Test(marks, a_read_before_needs_no_look)
{
	struct rig *g = crowded();
	struct half *up;
	struct link l;

	link_open(g, &l, &path_copy);
	up = &l.relay.half[CLIENT];
	send_around_a_mark(l.peer[CLIENT]);
	cr_assert(turn_until_unlooked(g, up));
	g->host.results = 0;
	cr_assert(send(l.peer[CLIENT], "!", 1, 0) == 1);
	for (int turn = 0; turn < 100 && up->moved < 8; turn++)
		rig_turn(g, 1);
	expect_num(up->moved, 8, "all");
	cr_expect(!up->unlooked);
	rig_settle(g);
	cr_expect(!up->readable, "nobody was sent to read");
	link_close(g, &l);
	rig_close(g);
}

/* One keeps its place when the other, which came before it, is gone. */
Test(marks, a_relay_that_ends_is_forgotten)
{
	struct rig *g = crowded();
	struct link gone, stays;

	link_open(g, &gone, &path_copy);
	link_open(g, &stays, &path_copy);
	send_around_a_mark(gone.peer[CLIENT]);
	send_around_a_mark(gone.peer[SERVER]);
	cr_assert(turn_until_unlooked(g, &gone.relay.half[CLIENT]));
	cr_assert(turn_until_unlooked(g, &gone.relay.half[SERVER]));
	send_around_a_mark(stays.peer[CLIENT]);
	cr_assert(turn_until_unlooked(g, &stays.relay.half[CLIENT]));
	relay_close(&gone.relay, true);
	for (size_t i = 0; i < 2; i++)
		cr_expect(!gone.relay.half[i].mark_place);
	link_close(g, &gone);
	expect_all(g, stays.peer[SERVER], "the other");
	link_close(g, &stays);
	rig_close(g);
}

Test(marks, places_move_up)
{
	static struct relay relays[FEW];
	struct rig *g = crowded();

	for (size_t i = 0; i < FEW; i++) {
		relays[i] = (struct relay){ .host = &g->host, .leg[CLIENT].fd = -1 };
		list_init(&relays[i].runnable);
		cr_assert(marks_put_off(&relays[i], &relays[i].half[CLIENT]));
	}
	for (size_t i = 0; i < FEW; i += 2)
		marks_forget(&relays[i]);
	for (int turn = 0; turn < 100 && relays[1].half[CLIENT].unlooked; turn++)
		rig_turn(g, 5);
	for (size_t i = 0; i < FEW; i++)
		cr_expect(relays[i].half[CLIENT].unlooked == (i % 2 == 0) &&
				  !relays[i].half[CLIENT].mark_place,
			  "%zu", i);
	rig_close(g);
}

Test(marks, without_a_place_the_caller_asks)
{
	struct relay *relays = calloc(HALVES, sizeof(*relays));
	struct rig *g = crowded();
	size_t placed = 0;

	cr_assert(relays);
	for (size_t i = 0; i < HALVES; i++) {
		relays[i].host = &g->host;
		placed += marks_put_off(&relays[i], &relays[i].half[CLIENT]);
	}
	cr_expect(placed > 0 && placed < HALVES, "%zu", placed);
	cr_expect(marks_put_off(&relays[0], &relays[0].half[CLIENT]), "it has a place");
	for (size_t i = 0; i < HALVES; i++)
		marks_forget(&relays[i]);
	cr_expect(marks_put_off(&relays[HALVES - 1], &relays[HALVES - 1].half[SERVER]));
	marks_forget(&relays[HALVES - 1]);
	rig_settle(g);
	rig_close(g);
	free(relays);
}
