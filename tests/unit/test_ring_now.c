/* Sends that end with their submission, and are told of only when they did not send all. */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

#include "check.h"
#include "engine/ring.h"
#include "support/fds.h"
#include "support/turns.h"

/* Turns until the ring knows how all ended. */
static bool settled(struct ring *r)
{
	bool known = false;

	for (int i = 0; i < 100 && !known; i++) {
		ring_wait(r, 0);
		known = ring_settle(r);
		ring_dispatch(r);
	}
	return known;
}

Test(ring_now, sends_that_do_not_wait)
{
	struct ring *r = ring_of_test();
	struct told t = TOLD;
	char got[64] = "";
	int fd[2];

	tcp_pair(fd);
	cr_expect(ring_settle(r), "nothing to know");
	ring_send_now(r, &t.op, fd[0], "one ", 4);
	cr_expect(!ring_settle(r), "it is not submitted");
	ring_send_now(r, &t.op, fd[0], "two ", 4);
	ring_send_now(r, &t.op, fd[0], "three", 5);
	ring_wait(r, 0);
	cr_expect(ring_settle(r), "all are known");
	expect_num(fd_read(fd[1], got, sizeof(got)), 13, "all went");
	expect_str(got, "one two three", "in order");
	expect_num(t.count, 0, "success is silent");
	cr_expect(!t.op.armed);
	ring_close(r);
}

Test(ring_now, sends_that_do_not_wait_tell_what_did_not_go)
{
	enum { SIZE = 1 << 20 };
	struct ring *r = ring_of_test();
	struct told t = TOLD;
	char *bytes = calloc(1, SIZE);
	int fd[2];

	tcp_pair(fd);
	ring_send_now(r, &t.op, fd[0], bytes, SIZE);
	for (int i = 0; i < 40 && t.count < 1; i++) {
		ring_send_now(r, &t.op, fd[0], bytes, SIZE);
		cr_assert(settled(r));
	}
	cr_assert(t.count > 0, "everything goes?");
	cr_expect((t.last > 0 && t.last < SIZE) || t.last == -EAGAIN, "%d", t.last);
	t.count = 0;
	for (int i = 0; i < 50; i++)
		settled(r);
	expect_num(t.count, 0, "told once");
	ring_send_now(r, &t.op, fd[0], bytes, SIZE);
	cr_assert(settled(r));
	expect_num(t.count, 1, "told");
	expect_num(t.last, -EAGAIN, "nothing goes");
	fd_reset(fd[1]);
	ring_send_now(r, &t.op, fd[0], bytes, 1);
	cr_assert(settled(r));
	expect_num(t.count, 2, "told");
	expect_num(t.last, -ECONNRESET, "a reset");
	ring_send_now(r, &t.op, fd[0], bytes, 1);
	cr_assert(settled(r));
	expect_num(t.last, -EPIPE, "and after it");
	ring_close(r);
	free(bytes);
}

/* Where results do not fit, nobody is told that he is through before it is known. */
Test(ring_now, sends_that_do_not_wait_in_a_flood)
{
	enum { POLLS = 20000, SENDS = 700 };
	struct ring *r = ring_of_test();
	struct told *t = calloc(POLLS, sizeof(*t)), sends[SENDS];
	int ends[2], fd[2], failed = 0, early = 0;

	cr_assert(pipe(ends) == 0 && write(ends[1], "x", 1) == 1);
	tcp_pair(fd);
	shutdown(fd[0], SHUT_WR);
	alarm(15);
	for (size_t i = 0; i < POLLS; i++) {
		t[i] = TOLD;
		ring_poll_once(r, &t[i].op, ends[0], POLLIN);
	}
	for (size_t i = 0; i < SENDS; i++) {
		sends[i] = TOLD;
		ring_send_now(r, &sends[i].op, fd[0], "x", 1);
	}
	for (bool known = false; !known; early++) {
		ring_wait(r, 0);
		known = ring_settle(r);
		ring_dispatch(r);
	}
	for (size_t i = 0; i < SENDS; i++)
		failed += sends[i].count == 1 && sends[i].last == -EPIPE;
	expect_num(failed, SENDS, "each was told, before all was known");
	cr_expect(early > 1, "this test floods nothing");
	for (size_t i = 0; i < POLLS; i++)
		cr_assert(turn_until_told(r, &t[i], 1), "%zu", i);
	ring_close(r);
	free(t);
}

/* An operation whose result makes it send to a peer that is gone, there and then. */
struct sender {
	struct told now;
	struct op op;
	struct ring *ring;
	int fd;
};

static void send_and_submit(struct op *op, int res)
{
	struct sender *s = container_of(op, struct sender, op);

	(void)res;
	ring_send_now(s->ring, &s->now.op, s->fd, "x", 1);
	ring_submit(s->ring);
}

Test(ring_now, results_that_come_while_others_are_told)
{
	struct ring *r = ring_of_test();
	struct sender s = { .now = TOLD, .op.done = send_and_submit, .ring = r };
	int ends[2], fd[2];

	cr_assert(pipe(ends) == 0 && write(ends[1], "x", 1) == 1);
	tcp_pair(fd);
	shutdown(fd[0], SHUT_WR);
	s.fd = fd[0];
	ring_poll_once(r, &s.op, ends[0], POLLIN);
	ring_wait(r, 1000);
	cr_expect(ring_settle(r));
	ring_dispatch(r);
	cr_assert(settled(r));
	expect_num(s.now.count, 1, "told");
	expect_num(s.now.last, -EPIPE, "what");
	ring_close(r);
}
