/* A race over the addresses of a backend: who wins, who is told, who is given up. */
#include "backend/dial.h"

#include <errno.h>
#include <poll.h>
#include <unistd.h>

#include "check.h"
#include "support/dialler.h"
#include "support/fds.h"

static bool fd_readable(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	return poll(&p, 1, 20) == 1;
}

Test(dial, the_first_that_answers)
{
	struct dialler *d;
	struct addr at;
	int listener;

	d = dialler_open();
	listener = tcp_listen(AF_INET, 4, &at);
	dialler_add(d, tcp_closed());
	dialler_add(d, tcp_closed());
	dialler_add(d, at);
	dialler_add(d, tcp_closed());
	dialler_start(d);
	dialler_finish(d);
	expect_connected(d, &at);
	close(d->fd);
	close(listener);
	dialler_close(d);
}

Test(dial, nobody_answers)
{
	struct dialler *d;
	d = dialler_open();
	dialler_add(d, tcp_closed());
	dialler_add(d, tcp_closed());
	dialler_start(d);
	dialler_finish(d);
	expect_failed(d, -ECONNREFUSED);
	dialler_close(d);
}

/* RFC 8305: the second is begun while the first is silent, and wins; the first hears nothing. */
Test(dial, a_black_hole_and_a_rival)
{
	struct dialler *d;
	int hole[HOLE_FDS], listener;
	struct addr at;
	char got[200];

	d = dialler_open();
	dialler_add(d, tcp_black_hole(hole));
	listener = tcp_listen(AF_INET, 4, &at);
	dialler_add(d, at);
	dialler_start(d);
	for (int i = 0; i < 5; i++)
		dialler_turn(d);
	expect_num(d->calls, 0, "no answer");
	expect_num(d->dial->begun, 1, "the rival waits for its time");
	dialler_skip(d, DIAL_STAGGER);
	dialler_finish(d);
	expect_connected(d, &at);
	close(d->fd);
	heard(listener, got, sizeof(got));
	expect_str(got, DIALLER_HEADER, "the winner's header");
	close(listener);
	close_hole(hole);
	dialler_close(d);
}

Test(dial, as_many_at_once_as_it_may)
{
	struct dialler *d;
	int hole[HOLE_FDS];
	struct addr at;

	d = dialler_open();
	at = tcp_black_hole(hole);
	for (int i = 0; i < DIAL_AT_ONCE + 2; i++)
		dialler_add(d, at);
	dialler_start(d);
	for (size_t i = 1; i <= DIAL_AT_ONCE + 2; i++) {
		dialler_turn(d);
		expect_num(d->dial->begun, min_of(i, (size_t)DIAL_AT_ONCE), "begun");
		dialler_skip(d, DIAL_STAGGER);
	}
	/* Whose time is over makes room. */
	dialler_skip(d, d->backend.connect_timeout);
	for (int i = 0; i < 20 && d->dial->begun < DIAL_AT_ONCE + 2; i++)
		dialler_turn(d);
	expect_num(d->dial->begun, DIAL_AT_ONCE + 2, "begun");
	dialler_skip(d, d->backend.connect_timeout);
	dialler_finish(d);
	expect_failed(d, -ETIMEDOUT);
	close_hole(hole);
	dialler_close(d);
}

/* 8 black holes, 4 at a time: what would take longer than its rounds is given up. */
Test(dial, it_has_an_end)
{
	struct dialler *d;
	int hole[HOLE_FDS], rounds = 0;
	struct addr at;

	d = dialler_open();
	d->backend.connect_timeout = 100;
	at = tcp_black_hole(hole);
	for (int i = 0; i < 8; i++)
		dialler_add(d, at);
	dialler_start(d);
	for (; !d->calls && rounds < 50; rounds++) {
		dialler_skip(d, 100);
		for (int i = 0; i < 3 && !d->calls; i++)
			dialler_turn(d);
	}
	expect_failed(d, -ETIMEDOUT);
	cr_expect(rounds >= DIAL_ROUNDS && rounds <= 2 * DIAL_ROUNDS, "%d rounds", rounds);
	close_hole(hole);
	dialler_close(d);
}

Test(dial, each_has_its_own_time)
{
	struct dialler *d;
	int hole[HOLE_FDS];
	struct addr at;

	d = dialler_open();
	at = tcp_black_hole(hole);
	dialler_add(d, at);
	dialler_add(d, at);
	dialler_start(d);
	dialler_skip(d, DIAL_STAGGER);
	dialler_turn(d);
	dialler_skip(d, d->backend.connect_timeout - DIAL_STAGGER);
	for (int i = 0; i < 5; i++)
		dialler_turn(d);
	expect_num(d->calls, 0, "the second goes on");
	dialler_skip(d, DIAL_STAGGER);
	dialler_finish(d);
	expect_failed(d, -ETIMEDOUT);
	close_hole(hole);
	dialler_close(d);
}

/* The first connects at last, header and all, in the same moment as its rival: one of them is told of the client,
 * and that one is the winner. */
Test(dial, both_get_through)
{
	struct dialler *d;
	int hole[HOLE_FDS], listener;
	struct addr slow, quick;
	char got[2][200] = { "", "" };
	bool first;

	d = dialler_open();
	slow = tcp_black_hole(hole);
	listener = tcp_listen(AF_INET, 4, &quick);
	dialler_add(d, slow);
	dialler_add(d, quick);
	dialler_start(d);
	dialler_turn(d);
	/* Nobody else asks any more, and there is room: the next SYN, after a second, is answered. */
	for (int i = 2; i < HOLE_FDS; i++) {
		close(hole[i]);
		hole[i] = -1;
	}
	close(accept(hole[0], NULL, NULL));
	cr_assert(fd_wait(hole[0]), "the kernel tries again");
	dialler_skip(d, DIAL_STAGGER);
	dialler_finish(d);
	cr_assert(d->fd >= 0);
	first = addr_equal(&d->to, &slow);
	expect_connected(d, first ? &slow : &quick);
	cr_assert(write(d->fd, "EHLO", 4) == 4);
	close(d->fd);
	heard(hole[0], got[0], sizeof(got[0]));
	if (!first || fd_readable(listener))
		heard(listener, got[1], sizeof(got[1]));
	expect_str(got[!first], DIALLER_HEADER "EHLO", "the winner");
	expect_str(got[first], "", "the loser");
	close(listener);
	close_hole(hole);
	dialler_close(d);
}

Test(dial, a_refusal_makes_room_at_once)
{
	struct dialler *d;
	int hole[HOLE_FDS], listener;
	struct addr at;

	d = dialler_open();
	dialler_add(d, tcp_black_hole(hole));
	dialler_add(d, tcp_closed());
	listener = tcp_listen(AF_INET, 4, &at);
	dialler_add(d, at);
	dialler_start(d);
	dialler_turn(d);
	/* The second is refused, so the third does not wait for another stagger. */
	dialler_skip(d, DIAL_STAGGER);
	for (int i = 0; i < 100 && !d->calls; i++)
		dialler_hear(d);
	expect_num(d->calls, 1, "without any delay");
	expect_connected(d, &at);
	close(d->fd);
	close(listener);
	close_hole(hole);
	dialler_close(d);
}

Test(dial, stopped_while_it_connects)
{
	struct dialler *d;
	int hole[HOLE_FDS];
	struct addr at;

	d = dialler_open();
	at = tcp_black_hole(hole);
	dialler_add(d, at);
	dialler_add(d, at);
	dialler_start(d);
	dialler_skip(d, DIAL_STAGGER);
	dialler_turn(d);
	dial_stop(d->dial);
	dial_stop(d->dial);
	dialler_finish(d);
	expect_failed(d, -ECANCELED);
	close_hole(hole);
	dialler_close(d);
}

/* Started and stopped before the kernel has heard of it. */
Test(dial, stopped_at_once)
{
	struct dialler *d;
	struct addr at;
	int listener;

	d = dialler_open();
	listener = tcp_listen(AF_INET, 4, &at);
	dialler_add(d, at);
	dialler_start(d);
	dial_stop(d->dial);
	dialler_finish(d);
	expect_failed(d, -ECANCELED);
	close(listener);
	dialler_close(d);
}

Test(dial, without_descriptors)
{
	struct dialler *d;
	struct addr at;

	d = dialler_open();
	cr_assert(tcp_listen(AF_INET, 4, &at) >= 0);
	dialler_add(d, at);
	dialler_add(d, at);
	fds_exhaust();
	dialler_start(d);
	expect_num(d->calls, 1, "at once");
	expect_failed(d, -EMFILE);
	ring_close(d->ring);
}

/* Those under way may still get there. */
Test(dial, without_descriptors_for_a_rival)
{
	struct dialler *d;
	int hole[HOLE_FDS], spare = dup(0);
	struct addr at;

	d = dialler_open();
	at = tcp_black_hole(hole);
	dialler_add(d, at);
	dialler_add(d, at);
	fds_exhaust();
	close(spare);
	dialler_start(d);
	dialler_turn(d);
	dialler_skip(d, DIAL_STAGGER);
	expect_num(d->dial->begun, 1, "it waits");
	expect_num(d->calls, 0, "and the first goes on");
	close(hole[1]);
	dialler_skip(d, DIAL_STAGGER);
	expect_num(d->dial->begun, 2, "a descriptor is back");
	dial_stop(d->dial);
	dialler_finish(d);
	expect_failed(d, -ECANCELED);
	ring_close(d->ring);
}

/* A client that resets is noticed once the dial takes its time; one that has only said all it had is not. */
Test(dial, a_client_that_leaves)
{
	struct dialler *d;
	int hole[HOLE_FDS], pair[2];

	d = dialler_open();
	dialler_add(d, tcp_black_hole(hole));
	tcp_pair(pair);
	d->client = pair[0];
	dialler_start(d);
	dialler_skip(d, DIAL_STAGGER);
	shutdown(pair[1], SHUT_WR);
	for (int i = 0; i < 5; i++)
		dialler_turn(d);
	expect_num(d->calls, 0, "an end of stream is no reason to give up");
	fd_reset(pair[1]);
	dialler_finish(d);
	expect_failed(d, -ECANCELED);
	cr_expect(d->client_gone);
	close(pair[0]);
	close_hole(hole);
	dialler_close(d);
}

Test(dial, a_client_that_stays)
{
	struct dialler *d;
	int hole[HOLE_FDS], pair[2], listener;
	struct addr at;

	d = dialler_open();
	dialler_add(d, tcp_black_hole(hole));
	listener = tcp_listen(AF_INET, 4, &at);
	dialler_add(d, at);
	tcp_pair(pair);
	d->client = pair[0];
	dialler_start(d);
	dialler_turn(d);
	dialler_skip(d, DIAL_STAGGER);
	dialler_finish(d);
	expect_connected(d, &at);
	cr_expect(!d->client_gone);
	close(d->fd);
	close(pair[0]);
	close(pair[1]);
	close(listener);
	close_hole(hole);
	dialler_close(d);
}
