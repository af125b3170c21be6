/* Which refusals are told one by one, and what is said of the rest. */
#include "edge/sampler.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "check.h"

static struct {
	struct timers timers;
	struct sampler sampler;
	int log[2];
} desk;

static void set_up(void)
{
	timers_init(&desk.timers);
	sampler_init(&desk.sampler, &desk.timers);
	cr_assert(pipe(desk.log) == 0);
	log_setup(LINE_LOGFMT, LOG_INFO);
	log_setup_fd(desk.log[1]);
}

static void tear_down(void)
{
	log_setup_fd(STDERR_FILENO);
	close(desk.log[0]);
	close(desk.log[1]);
	timers_finish(&desk.timers);
}

/* What was logged since the last call. */
static const char *heard(void)
{
	static char text[4096];
	ssize_t n;

	/* So that the read never waits. */
	cr_assert(write(desk.log[1], "\n", 1) == 1);
	n = read(desk.log[0], text, sizeof(text) - 1);
	text[n > 0 ? n - 1 : 0] = '\0';
	return text;
}

static unsigned wanted(enum why why, unsigned times, msec_t now)
{
	unsigned n = 0;

	for (unsigned i = 0; i < times; i++)
		n += sampler_wants(&desk.sampler, why, now);
	return n;
}

Test(sampler, first_of_each_reason_in_a_second)
{
	set_up();
	expect_num(wanted(WHY_DENIED, 100, 5), SAMPLER_LINES, "the first");
	expect_num(wanted(WHY_LIMIT_RATE, 3, 5), 3, "another reason");
	expect_num(wanted(WHY_DENIED, 5, 1004), 0, "the same second");
	timers_run(&desk.timers, 1004);
	expect_str(heard(), "", "before the second is over");
	timers_run(&desk.timers, 1005);
	expect_str(heard(),
		   "level=info msg=\"more connections ended like these\" why=denied "
		   "clients=95\n",
		   "after it");
	expect_num(wanted(WHY_DENIED, 100, 1006), SAMPLER_LINES, "the next second");
	timers_run(&desk.timers, 2005);
	cr_expect(strstr(heard(), "clients=90\n"));
	tear_down();
}

Test(sampler, quiet_when_nobody_comes)
{
	set_up();
	expect_num(wanted(WHY_DENIED, 3, 5), 3, "few");
	timers_run(&desk.timers, 1005);
	timers_run(&desk.timers, 2005);
	expect_str(heard(), "", "all had their line");
	cr_expect(!desk.sampler.timer.slot, "no timer when nothing is counted");
	tear_down();
}

Test(sampler, nothing_is_lost_at_the_end)
{
	set_up();
	wanted(WHY_LIMIT_SOURCE, 12, 5);
	sampler_finish(&desk.sampler);
	cr_expect(strstr(heard(), "why=limit-source clients=2\n"));
	cr_expect(!desk.sampler.timer.slot);
	tear_down();
}

Test(sampler, warnings_only)
{
	set_up();
	log_set_level(LOG_WARN);
	wanted(WHY_LIMIT_SOURCE, 12, 5);
	sampler_finish(&desk.sampler);
	expect_str(heard(), "", "information is not wanted");
	tear_down();
}
