/* What a relay does with its turns: shares them with others, and changes path by what it sees. */
#include <stdlib.h>

#include "check.h"
#include "relay/auto.h"
#include "relay/copy.h"
#include "relay/splice.h"
#include "support/rig.h"

enum { PIECE = 4096, SHARE = 4 * PIECE, LOAD = 150000 };

/* Pipes that take no more than the small buffer does. */
static void shrink(struct rig *g)
{
	struct pipe *p[4];

	g->host.buffer_size = PIECE;
	for (size_t i = 0; i < 4; i++)
		cr_assert((p[i] = pipes_get(&g->pipes)) != NULL);
	for (size_t i = 0; i < 4; i++) {
		p[i]->room = PIECE;
		pipes_put(&g->pipes, p[i]);
	}
}

static void check_shares(struct rig *g, const struct path *path)
{
	struct stream s[2] = { { .label = path->name }, { .label = path->name, .seed = 5 } };
	struct link l[2];
	int turns = 0;

	for (size_t i = 0; i < 2; i++) {
		link_open(g, &l[i], path);
		while (s[i].sent < LOAD)
			stream_push(&s[i], l[i].peer[CLIENT], LOAD - s[i].sent);
	}
	while ((s[0].got < LOAD || s[1].got < LOAD) && turns++ < 2000) {
		uint64_t before[2] = { l[0].relay.half[CLIENT].moved,
				       l[1].relay.half[CLIENT].moved };

		rig_turn(g, 1);
		for (size_t i = 0; i < 2; i++) {
			uint64_t step = l[i].relay.half[CLIENT].moved - before[i];

			/* In one turn once for its event and once for its share. */
			cr_expect(step <= 3 * SHARE, "%s: %d in one turn", path->name, (int)step);
			stream_pull(&s[i], l[i].peer[SERVER], SIZE_MAX);
		}
	}
	cr_expect(turns > LOAD / (3 * SHARE), "%s: %d turns", path->name, turns);
	expect_num(s[0].got + s[1].got, 2 * LOAD, path->name);
	for (size_t i = 0; i < 2; i++)
		link_close(g, &l[i]);
}

Test(relay_turns, a_busy_relay_leaves_turns_to_others)
{
	static const struct path *const inline_paths[] = { &path_copy, &path_splice, &path_auto };
	struct rig *g = rig_open(4);

	shrink(g);
	for (size_t i = 0; i < ARRAY_LEN(inline_paths); i++)
		check_shares(g, inline_paths[i]);
	rig_close(g);
}

/* n bytes go up at once, and arrive. */
static void send_up(struct rig *g, struct link *l, struct stream *s, size_t n)
{
	uint64_t end = s->sent + n;

	while (s->sent < end)
		cr_assert(stream_push(s, l->peer[CLIENT], end - s->sent) > 0);
	expect_num(stream_pull_all(s, g, l->peer[SERVER], end), 0, "up");
	rig_settle(g);
}

Test(relay_turns, auto_changes_by_what_it_sees)
{
	struct rig *g = rig_open(4);
	struct stream s = { .label = "auto" };
	struct half *up, *down;
	struct link l;

	link_open(g, &l, &path_auto);
	up = &l.relay.half[CLIENT];
	down = &l.relay.half[SERVER];
	for (int i = 0; i < 10; i++)
		send_up(g, &l, &s, 100);
	cr_expect(!up->bulk, "a dialogue is copied");
	expect_str(relay_path_name(&l.relay), "copy", "used");
	for (int round = 0; round < 3; round++) {
		send_up(g, &l, &s, 60000);
		cr_expect(up->bulk, "much at once is bulk");
		cr_expect(!down->bulk, "the other half is not concerned");
		send_up(g, &l, &s, 60000);
		cr_expect(up->bulk, "it still is");
		expect_str(relay_path_name(&l.relay), "splice", "used");
		send_up(g, &l, &s, 100);
		cr_expect(up->bulk, "one small message changes nothing");
		for (int i = 0; i < 8; i++)
			send_up(g, &l, &s, 100);
		cr_expect(!up->bulk, "a dialogue again");
	}
	expect_str(relay_path_name(&l.relay), "splice", "it was used");
	link_close(g, &l);
	rig_close(g);
}

/* Changing over while bytes are held, again and again: the stream stays whole. */
Test(relay_turns, auto_changes_under_pressure)
{
	struct rig *g = rig_open(4);
	struct stream s = { .label = "auto", .seed = 9 };
	unsigned seed = 21;
	struct link l;
	int changes = 0;
	bool bulk = false;

	link_open(g, &l, &path_auto);
	for (int i = 0; i < 1500; i++) {
		bool calm = i / 50 % 2;

		stream_push(&s, l.peer[CLIENT], calm ? 50 : 1 + (size_t)rand_r(&seed) % 100000);
		if (calm || rand_r(&seed) % 4 == 0)
			stream_pull(&s, l.peer[SERVER], calm ? SIZE_MAX : 30000);
		rig_turn(g, 0);
		changes += l.relay.half[CLIENT].bulk != bulk;
		bulk = l.relay.half[CLIENT].bulk;
	}
	expect_num(stream_pull_all(&s, g, l.peer[SERVER], s.sent), 0, "all");
	cr_expect(changes >= 4, "%d changes", changes);
	link_close(g, &l);
	rig_close(g);
}

Test(relay_turns, paths)
{
	for (size_t i = 0; paths[i]; i++) {
		cr_expect(path_find(paths[i]->name) == paths[i], "%s", paths[i]->name);
		cr_expect(paths[i]->help && paths[i]->help[0], "%s: help", paths[i]->name);
		cr_expect(paths[i]->pump != NULL, "%s", paths[i]->name);
	}
	expect_str(paths[0]->name, "auto", "the default");
	cr_expect(!path_find("fast") && !path_find(""), "none of that name");
}
