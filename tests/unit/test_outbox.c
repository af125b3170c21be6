/* Messages that leave together: none is lost, repeated or overtaken, whatever the destination takes. */
#include "relay/outbox.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

#include "check.h"
#include "engine/timer.h"
#include "relay/auto.h"
#include "relay/copy.h"
#include "support/fds.h"
#include "support/rig.h"
#include "support/turns.h"

static const struct path *const together[] = { &path_copy, &path_auto };

/* Turns until a message of h waits in the outbox; true when one does. */
static bool turn_until_posted(struct rig *g, const struct half *h)
{
	for (int turn = 0; turn < 100 && !h->posted; turn++)
		rig_turn(g, 20);
	return h->posted;
}

/* Fills what the leg's socket takes, so that nothing more goes; returns the bytes. */
static uint64_t fill(struct rig *g, struct link *l, struct stream *s)
{
	int unmoved = 0;

	while (unmoved < 20) {
		ssize_t n = stream_push(s, l->peer[CLIENT], 30000);

		rig_turn(g, 1);
		unmoved = n > 0 ? 0 : unmoved + 1;
	}
	return s->sent;
}

Test(outbox, a_message_leaves_with_the_next_turn)
{
	struct rig *g = rig_open(4);
	struct stream s = { .label = "up" };
	struct link l;

	for (size_t i = 0; i < ARRAY_LEN(together); i++) {
		s = (struct stream){ .label = together[i]->name };
		link_open(g, &l, together[i]);
		stream_push(&s, l.peer[CLIENT], 100);
		cr_assert(turn_until_posted(g, &l.relay.half[CLIENT]));
		expect_num(stream_pull(&s, l.peer[SERVER], 100), -EAGAIN, "it has not left yet");
		expect_num(l.relay.half[CLIENT].moved, 100, "counted");
		rig_turn(g, 0);
		cr_expect(!l.relay.half[CLIENT].posted);
		expect_num(stream_pull_all(&s, g, l.peer[SERVER], 100), 0, "it arrived");
		link_close(g, &l);
	}
	rig_close(g);
}

Test(outbox, a_message_in_it_is_on_its_way)
{
	struct stream s = { .label = "down" };
	struct rig *g = rig_open(4);
	struct link l;

	link_open(g, &l, &path_copy);
	stream_push(&s, l.peer[SERVER], 100);
	cr_assert(turn_until_posted(g, &l.relay.half[SERVER]));
	cr_expect(!relay_at_rest(&l.relay), "posted");
	expect_num(stream_pull_all(&s, g, l.peer[CLIENT], 100), 0, "it arrived");
	rig_settle(g);
	cr_expect(relay_at_rest(&l.relay), "delivered");
	link_close(g, &l);
	rig_close(g);
}

/* The tail of what makes a half bulk is posted: splice(2) must not be faster. */
Test(outbox, bulk_does_not_overtake)
{
	enum { MUCH = RIG_BUFFER + 1000 };
	struct rig *g = rig_open(4);

	for (int round = 0; round < 10; round++) {
		struct stream s = { .label = "auto" };
		struct half *up;
		struct link l;

		link_open(g, &l, &path_auto);
		up = &l.relay.half[CLIENT];
		while (s.sent < MUCH)
			stream_push(&s, l.peer[CLIENT], MUCH - s.sent);
		usleep(1000);
		cr_assert(turn_until_posted(g, up));
		cr_expect(up->bulk, "moved %d", (int)up->moved);
		stream_push(&s, l.peer[CLIENT], 500);
		usleep(1000);
		up->readable = true;
		relay_resume(&l.relay);
		expect_num(up->moved, MUCH, "nothing goes before it is known that all of it went");
		expect_num(stream_pull_all(&s, g, l.peer[SERVER], s.sent), 0, "all, in order");
		link_close(g, &l);
	}
	rig_close(g);
}

Test(outbox, bytes_behind_an_urgent_mark)
{
	struct rig *g = rig_open(4);

	for (size_t i = 0; i < ARRAY_LEN(together); i++) {
		char got[16] = "";
		size_t n = 0;
		struct link l;
		ssize_t now;

		link_open(g, &l, together[i]);
		cr_assert(send(l.peer[CLIENT], "one!", 4, MSG_OOB) == 4);
		cr_assert(send(l.peer[CLIENT], "two", 3, 0) == 3);
		usleep(1000);
		for (int turn = 0; turn < 50 && n < 7; turn++) {
			rig_turn(g, 10);
			now = fd_read(l.peer[SERVER], got + n, sizeof(got) - 1 - n);
			n += now > 0 ? (size_t)now : 0;
		}
		expect_str(got, "one!two", together[i]->name);
		link_close(g, &l);
	}
	rig_close(g);
}

/* What comes while a message is in the outbox needs no further event to be moved. */
Test(outbox, more_comes_before_it_left)
{
	struct rig *g = rig_open(4);
	struct stream s = { .label = "up" };
	struct link l;

	link_open(g, &l, &path_copy);
	for (int i = 0; i < 50; i++) {
		stream_push(&s, l.peer[CLIENT], 100);
		cr_assert(turn_until_posted(g, &l.relay.half[CLIENT]));
		stream_push(&s, l.peer[CLIENT], 300);
		l.relay.half[CLIENT].readable = true;
		relay_resume(&l.relay);
		cr_expect(l.relay.half[CLIENT].posted, "nothing overtakes");
		cr_expect(!list_empty(&g->host.runnable), "the turn will not wait");
		expect_num(stream_pull_all(&s, g, l.peer[SERVER], s.sent), 0, "all");
	}
	link_close(g, &l);
	rig_close(g);
}

Test(outbox, the_end_right_behind_a_message)
{
	struct rig *g = rig_open(4);
	struct link l;

	for (size_t i = 0; i < ARRAY_LEN(together); i++) {
		struct stream s = { .label = together[i]->name };

		link_open(g, &l, together[i]);
		stream_push(&s, l.peer[CLIENT], 77);
		shutdown(l.peer[CLIENT], SHUT_WR);
		expect_num(stream_pull_all(&s, g, l.peer[SERVER], UINT64_MAX), 1, "its end");
		expect_num(s.got, 77, "before its end");
		cr_expect(relay_half_closed(&l.relay) && !l.ended);
		link_close(g, &l);
	}
	rig_close(g);
}

/* The socket is full when the message is sent: what did not go is held, counted right, and goes later. */
Test(outbox, a_destination_that_is_full)
{
	struct rig *g = rig_open(4);
	struct link l;

	for (size_t i = 0; i < ARRAY_LEN(together); i++) {
		struct stream s = { .label = together[i]->name };
		struct half *up = &l.relay.half[CLIENT];
		uint64_t total, arrived = 0;
		bool partly = false;

		/* A buffer that fills up with small messages, so that one of them is the first not to go whole. */
		link_open_narrow(g, &l, together[i]);
		for (int n = 0; n < 4000 && !up->rest; n++) {
			stream_push(&s, l.peer[CLIENT], 1500);
			if (turn_until_posted(g, up))
				rig_turn(g, 0);
		}
		cr_assert(up->rest != NULL, "it never was full");
		cr_expect(up->blocked && !up->posted && !up->lost, "it waits for room");
		total = fill(g, &l, &s);
		cr_expect(up->moved < total);
		while (arrived < total && !partly) {
			ssize_t n = stream_pull(&s, l.peer[SERVER], 1000);

			arrived += (uint64_t)max_of(n, (ssize_t)0);
			rig_turn(g, 0);
			partly = arrived > 30000;
		}
		expect_num(stream_pull_all(&s, g, l.peer[SERVER], total), 0, "all arrived");
		rig_settle(g);
		expect_num(up->moved, total, together[i]->name);
		link_close(g, &l);
	}
	rig_close(g);
}

/* The other end is gone when the message is sent. */
Test(outbox, a_destination_that_failed)
{
	struct rig *g = rig_open(4);
	struct link l;

	for (size_t i = 0; i < ARRAY_LEN(together); i++) {
		struct stream s = { .label = together[i]->name };

		link_open(g, &l, together[i]);
		stream_push(&s, l.peer[CLIENT], 100);
		cr_assert(turn_until_posted(g, &l.relay.half[CLIENT]));
		fd_reset(l.peer[SERVER]);
		l.peer[SERVER] = -1;
		cr_expect(link_ended(g, &l), "%s: it ends", together[i]->name);
		expect_num(l.how, RELAY_BROKEN, together[i]->name);
		expect_num(l.relay.broken_side, SERVER, together[i]->name);
		link_close(g, &l);
	}
	rig_close(g);
}

/* Nobody may take what arrived for all there was, even if nothing more comes. */
Test(outbox, a_message_that_is_lost_ends_the_relay)
{
	struct rig *g = rig_open(4);
	struct link l;

	link_open(g, &l, &path_copy);
	rig_settle(g);
	l.relay.half[SERVER].lost = true;
	run_soon(&l.relay);
	rig_turn(g, 0);
	cr_expect(l.ended, "at once");
	expect_num(l.how, RELAY_FAILED, "how");
	link_close(g, &l);
	rig_close(g);
}

/* What was posted before the relay ends is not answered to it. */
Test(outbox, a_relay_that_ends_first)
{
	struct rig *g = rig_open(4);
	struct link l;

	for (int round = 0; round < 20; round++) {
		struct stream s = { .label = "up" };

		link_open(g, &l, &path_copy);
		stream_push(&s, l.peer[CLIENT], 100);
		cr_assert(turn_until_posted(g, &l.relay.half[CLIENT]));
		if (round % 2)
			fd_reset(l.peer[SERVER]);
		relay_close(&l.relay, false);
		cr_expect(!l.relay.half[CLIENT].posted);
		if (!(round % 2))
			expect_num(stream_pull_all(&s, g, l.peer[SERVER], 100), 0,
				   "it left all the same");
		else
			l.peer[SERVER] = -1;
		link_close(g, &l);
	}
	rig_close(g);
}

/* Of a relay that may read: its half, and a message posted for it by hand. */
static void post(struct link *l, size_t n)
{
	size_t room;
	uint8_t *at = outbox_room(l->relay.host->outbox, &room);

	cr_assert(at && room >= n);
	memset(at, 'x', n);
	outbox_post(&l->relay, &l->relay.half[SERVER], n);
	/* For the test only: a half posts once a turn. */
	l->relay.half[SERVER].posted = false;
}

Test(outbox, it_fills_up_and_is_empty_again)
{
	struct rig *g = rig_open(4);
	char got[OUTBOX_MOST];
	struct link l;

	link_open(g, &l, &path_copy);
	for (int round = 0; round < 3; round++) {
		static const size_t sizes[] = { 1, OUTBOX_MOST };
		size_t size = sizes[round % 2], posted = 0, arrived = 0, room;
		ssize_t n;

		while (outbox_room(g->host.outbox, &room)) {
			post(&l, size);
			posted += size;
			cr_assert(posted < 1000000, "it never fills up");
		}
		cr_expect(posted / size >= 15 && posted / size < 600, "%zu messages of %zu",
			  posted / size, size);
		rig_turn(g, 0);
		cr_expect(outbox_room(g->host.outbox, &room) != NULL, "there is room again");
		while (arrived < posted && fd_wait(l.peer[CLIENT]) &&
		       (n = fd_read(l.peer[CLIENT], got, sizeof(got))) > 0) {
			for (ssize_t at = 0; at < n; at++)
				cr_assert(got[at] == 'x', "another byte after %zu", arrived);
			arrived += (size_t)n;
		}
		expect_num(arrived, posted, "bytes");
	}
	link_close(g, &l);
	rig_close(g);
}

/* Where results do not fit, a message stays posted until it is known that it left. */
Test(outbox, it_is_not_known_yet)
{
	enum { POLLS = 20000 };
	struct told *t = calloc(POLLS, sizeof(*t));
	struct rig *g = rig_open(4);
	struct half *down;
	bool stayed = false;
	int ends[2];
	struct link l;

	g->fds_before += 2;
	cr_assert(pipe(ends) == 0 && write(ends[1], "x", 1) == 1);
	link_open(g, &l, &path_copy);
	down = &l.relay.half[SERVER];
	shutdown(l.relay.leg[CLIENT].fd, SHUT_WR);
	for (size_t i = 0; i < POLLS; i++) {
		t[i] = TOLD;
		ring_poll_once(g->host.ring, &t[i].op, ends[0], POLLIN);
	}
	post(&l, 10);
	down->posted = true;
	for (int turn = 0; turn < 20 && !down->rest && !l.ended; turn++) {
		ring_wait(g->host.ring, 0);
		outbox_settle(&g->host);
		stayed = stayed || (down->posted && !down->rest);
		cr_assert(down->posted || down->rest, "lost in turn %d", turn);
		ring_dispatch(g->host.ring);
	}
	cr_expect(down->rest || l.ended, "what did not leave was held, and tried again");
	cr_expect(stayed, "this test floods nothing");
	for (size_t i = 0; i < POLLS; i++)
		cr_assert(turn_until_told(g->host.ring, &t[i], 1), "%zu", i);
	link_close(g, &l);
	rig_close(g);
	free(t);
}

/* A long turn does not keep what many others posted. */
Test(outbox, what_is_pushed_leaves_at_once)
{
	struct rig *g = rig_open(4);
	char got[8];
	struct link l;

	link_open(g, &l, &path_copy);
	post(&l, 1);
	expect_num(fd_read(l.peer[CLIENT], got, sizeof(got)), -1, "not yet");
	outbox_push(&g->host);
	expect_num(fd_read(l.peer[CLIENT], got, sizeof(got)), 1, "pushed");
	for (int i = 0; i < 100; i++)
		post(&l, 1);
	cr_expect(fd_read(l.peer[CLIENT], got, sizeof(got)) > 0, "so many do not wait");
	rig_turn(g, 0);
	link_close(g, &l);
	rig_close(g);
}

/* Dialogues and bulk by turns, behind narrow buffers and slow readers. */
Test(outbox, nothing_is_lost_or_overtaken)
{
	for (size_t i = 0; i < ARRAY_LEN(together); i++) {
		struct rig *g = rig_open(4);
		struct stream s[2][2] = {
			{ { .label = "up", .seed = 1 }, { .label = "down", .seed = 2 } },
			{ { .label = "up", .seed = 3 }, { .label = "down", .seed = 4 } }
		};
		unsigned seed = 77 + (unsigned)i;
		struct link l[2];

		link_open_narrow(g, &l[0], together[i]);
		link_open(g, &l[1], together[i]);
		for (int n = 0; n < 6000; n++) {
			struct link *one = &l[rand_r(&seed) % 2];
			enum side side = rand_r(&seed) % 2;
			struct stream *st = &s[one - l][side];
			size_t most = rand_r(&seed) % 16 ? 2000 : 60000;

			stream_push(st, one->peer[side], 1 + (size_t)rand_r(&seed) % most);
			if (rand_r(&seed) % 3 == 0)
				stream_pull(st, one->peer[!side], 1 + (size_t)rand_r(&seed) % 3000);
			if (rand_r(&seed) % 2)
				rig_turn(g, 0);
		}
		for (size_t k = 0; k < 2; k++) {
			for (enum side side = CLIENT; side <= SERVER; side++) {
				expect_num(stream_pull_all(&s[k][side], g, l[k].peer[!side],
							   s[k][side].sent),
					   0, together[i]->name);
				expect_num(l[k].relay.half[side].moved, s[k][side].sent,
					   together[i]->name);
			}
			link_close(g, &l[k]);
		}
		rig_close(g);
	}
}
