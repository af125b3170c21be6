/* The stock of pipes: a budget, nothing dirty in it, nothing open that nobody needs. */
#include "engine/pipes.h"

#include <fcntl.h>
#include <unistd.h>

#include "check.h"
#include "support/fds.h"

Test(pipes, budget)
{
	int before = fds_count();
	struct pipe *p[4];
	struct pipes ps;

	pipes_init(&ps, 3);
	for (size_t i = 0; i < 3; i++) {
		p[i] = pipes_get(&ps);
		cr_assert(p[i], "%zu of 3", i);
	}
	p[3] = pipes_get(&ps);
	cr_expect(!p[3], "the fourth");
	expect_num(ps.nopen, 3, "open");
	expect_num(fds_count(), before + 6, "two descriptors each");
	pipes_put(&ps, p[1]);
	cr_expect(pipes_get(&ps) == p[1], "the one that came back");
	for (size_t i = 0; i < 3; i++)
		pipes_put(&ps, p[i]);
	expect_num(ps.nidle, 3, "idle");
	pipes_finish(&ps);
	expect_num(ps.nopen, 0, "open");
	expect_num(fds_count(), before, "descriptors");
}

Test(pipes, no_budget)
{
	struct pipes ps;

	pipes_init(&ps, 0);
	cr_expect(!pipes_get(&ps));
	pipes_put(&ps, NULL);
	pipes_trim(&ps);
	pipes_finish(&ps);
}

Test(pipes, what_a_pipe_is)
{
	struct pipe *p;
	struct pipes ps;
	char c = 'x';

	pipes_init(&ps, 1);
	p = pipes_get(&ps);
	cr_assert(p);
	cr_expect(p->room >= 16384 && p->held == 0, "room %zu", p->room);
	expect_num(p->room, fcntl(p->in, F_GETPIPE_SZ), "room");
	cr_expect(fcntl(p->in, F_GETFL) & O_NONBLOCK, "in");
	cr_expect(fcntl(p->out, F_GETFL) & O_NONBLOCK, "out");
	cr_expect(fcntl(p->in, F_GETFD) & FD_CLOEXEC, "in");
	cr_expect(fcntl(p->out, F_GETFD) & FD_CLOEXEC, "out");
	cr_expect(write(p->in, &c, 1) == 1 && read(p->out, &c, 1) == 1, "through");
	pipes_put(&ps, p);
	pipes_finish(&ps);
}

Test(pipes, a_dirty_one_is_closed)
{
	int before = fds_count();
	struct pipe *p;
	struct pipes ps;
	char text[8];

	pipes_init(&ps, 1);
	p = pipes_get(&ps);
	cr_assert(p && write(p->in, "secret", 6) == 6);
	p->held = 6;
	pipes_put(&ps, p);
	expect_num(ps.nidle, 0, "idle");
	expect_num(ps.nopen, 0, "open");
	expect_num(fds_count(), before, "descriptors");
	p = pipes_get(&ps);
	cr_assert(p, "its place in the budget is free");
	expect_num(p->held, 0, "held");
	cr_expect(read(p->out, text, sizeof(text)) < 0, "bytes of another flow");
	pipes_put(&ps, p);
	pipes_finish(&ps);
}

Test(pipes, trim_closes_what_nobody_needed)
{
	int before = fds_count();
	struct pipe *p[4];
	struct pipes ps;

	pipes_init(&ps, 8);
	for (size_t i = 0; i < 4; i++)
		p[i] = pipes_get(&ps);
	for (size_t i = 0; i < 4; i++)
		pipes_put(&ps, p[i]);
	pipes_trim(&ps);
	expect_num(ps.nopen, 4, "all were needed since the start");
	/* Two at a time are needed in this round. */
	p[0] = pipes_get(&ps);
	p[1] = pipes_get(&ps);
	pipes_put(&ps, p[0]);
	p[0] = pipes_get(&ps);
	pipes_trim(&ps);
	expect_num(ps.nopen, 2, "two were not needed");
	cr_expect(write(p[0]->in, "x", 1) == 1 && write(p[1]->in, "x", 1) == 1,
		  "borrowed ones live");
	p[0]->held = p[1]->held = 1;
	pipes_put(&ps, p[0]);
	pipes_put(&ps, p[1]);
	pipes_trim(&ps);
	expect_num(ps.nopen, 0, "none");
	expect_num(fds_count(), before, "descriptors");
	pipes_finish(&ps);
}

Test(pipes, a_quiet_stock_is_closed_in_two_rounds)
{
	struct pipe *p;
	struct pipes ps;

	pipes_init(&ps, 8);
	p = pipes_get(&ps);
	pipes_put(&ps, p);
	pipes_trim(&ps);
	pipes_trim(&ps);
	expect_num(ps.nopen, 0, "open");
	pipes_trim(&ps);
	pipes_finish(&ps);
}

Test(pipes, without_descriptors)
{
	struct pipe *p;
	struct pipes ps;

	pipes_init(&ps, 8);
	p = pipes_get(&ps);
	pipes_put(&ps, p);
	fds_exhaust();
	p = pipes_get(&ps);
	cr_expect(p, "the idle one is still good");
	cr_expect(!pipes_get(&ps), "another cannot be opened");
	expect_num(ps.nopen, 1, "open");
	pipes_put(&ps, p);
	pipes_finish(&ps);
}
