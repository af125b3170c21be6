/* Which addresses of a server are up, by what checks find and flows meet. */
#include "backend/health.h"

#include <errno.h>
#include <unistd.h>

#include "check.h"
#include "engine/timer.h"

enum { FAST = 2000, INTERVAL = 10000, EPOCH = 7 };

static struct health h;
static struct addr one, two, at[2];

static void set_up(unsigned rise, unsigned fall)
{
	const struct check_plan plan = { .on = true,
					 .port = 25,
					 .interval = INTERVAL,
					 .fast = FAST,
					 .rise = rise,
					 .fall = fall };

	addr_parse(&at[0], "192.0.2.1", 0);
	addr_parse(&at[1], "2001:db8::1", 0);
	addr_parse(&one, "192.0.2.1", 25);
	addr_parse(&two, "2001:db8::1", 25);
	health_init(&h);
	health_configure(&h, &plan, EPOCH, -1);
	cr_assert(health_sync(&h, EPOCH, at, 2, 1));
}

static struct health_change check(const struct addr *a, bool good, msec_t now)
{
	const struct outcome o = { .ending = good ? ENDING_WELL : ENDING_UNREACHABLE,
				   .error = -ECONNREFUSED };
	struct health_change change;

	health_result(&h, a, &o, now, 128, &change);
	return change;
}

static struct health_place place(size_t i)
{
	struct health_view v;

	health_look(&h, &v);
	return v.place[i];
}

static const char *word(size_t i)
{
	static struct health_place p;

	p = place(i);
	return health_word(&p);
}

Test(health, without_checks_everything_is_up)
{
	health_init(&h);
	addr_parse(&one, "192.0.2.1", 25);
	for (int i = 0; i < 100; i++)
		health_note(&h, &one, HEALTH_CONNECT_FAILED);
	cr_expect(health_is_up(&h, &one));
	cr_expect(!health_sync(&h, 0, at, 2, 1), "nobody said that it is to be checked");
	expect_num(health_due(&h), TIMER_NONE, "nothing is due");
	health_finish(&h);
}

Test(health, the_first_check_decides_alone)
{
	struct health_change change;

	set_up(2, 3);
	cr_expect(health_is_up(&h, &one), "until proven otherwise");
	expect_str(word(0), "unchecked", "before");
	change = check(&one, false, 5);
	cr_expect(change.changed && change.down && change.checks == 1);
	cr_expect(!health_is_up(&h, &one));
	cr_expect(health_is_up(&h, &two), "each address is its own");
	expect_str(word(0), "down", "after");
	expect_str(place(0).reason, "connection refused", "why");
	check(&two, true, 5);
	expect_str(word(1), "up", "the other");
	health_finish(&h);
}

Test(health, falls_and_rises)
{
	struct health_change change;

	set_up(2, 3);
	check(&one, true, 10);
	check(&one, false, 20);
	expect_str(word(0), "falling", "one failure");
	check(&one, true, 30);
	expect_str(word(0), "up", "a success takes it back");
	check(&one, false, 40);
	check(&one, false, 50);
	cr_expect(health_is_up(&h, &one), "two of three");
	change = check(&one, false, 60);
	cr_expect(change.changed && change.down && change.checks == 3);
	cr_expect(!health_is_up(&h, &one));
	change = check(&one, true, 1060);
	cr_expect(!change.changed);
	expect_str(word(0), "rising", "one success");
	check(&one, false, 1070);
	expect_str(word(0), "down", "not in a row");
	check(&one, true, 2060);
	change = check(&one, true, 3060);
	cr_expect(change.changed && !change.down && change.checks == 2);
	expect_num(change.lasted, 3000, "how long it was down");
	cr_expect(health_is_up(&h, &one));
	health_finish(&h);
}

/* What is not plainly up is asked more often; nothing at the same moment. */
Test(health, pace)
{
	msec_t due;

	set_up(2, 3);
	check(&one, true, 1000);
	due = place(0).due - 1000;
	cr_expect(due >= INTERVAL * 9 / 10 && due <= INTERVAL * 11 / 10, "%d", (int)due);
	check(&one, false, 1000);
	due = place(0).due - 1000;
	cr_expect(due >= FAST * 9 / 10 && due <= FAST * 11 / 10, "falling: %d", (int)due);
	check(&one, false, 1000);
	check(&one, false, 1000);
	due = place(0).due - 1000;
	cr_expect(due <= FAST * 11 / 10, "down: %d", (int)due);
	health_finish(&h);
}

Test(health, turns)
{
	struct check_plan plan;

	set_up(2, 3);
	cr_expect(!health_take(&h, 0, &plan), "not due yet");
	cr_expect(health_take(&h, 1, &plan) && addr_equal(&plan.conversation.to, &one));
	cr_expect(health_take(&h, 1, &plan) && addr_equal(&plan.conversation.to, &two));
	cr_expect(!health_take(&h, 1, &plan), "both are under way");
	expect_num(health_due(&h), TIMER_NONE, "both are under way");
	health_give_back(&h, &two);
	cr_expect(health_take(&h, 1, &plan) && addr_equal(&plan.conversation.to, &two));
	check(&one, true, 100);
	cr_expect(health_due(&h) > 100);
	health_finish(&h);
}

/* Flows that fail count, and hasten the next check; the last word has a check. */
Test(health, flows)
{
	struct addr other_port = { 0 };
	msec_t now = timer_now();

	set_up(2, 3);
	check(&one, true, now);
	addr_parse(&other_port, "192.0.2.1", 993);
	health_note(&h, &other_port, HEALTH_CONNECT_FAILED);
	expect_num(place(0).count, 0, "another port says nothing of this one");
	cr_expect(place(0).due <= now + 3000, "but is worth a look");
	for (int i = 0; i < 10; i++)
		health_note(&h, &one, HEALTH_CLOSED_EARLY);
	cr_expect(health_is_up(&h, &one), "flows alone take nothing down");
	expect_num(place(0).count, 2, "all but the last");
	cr_expect(check(&one, false, now + 10).changed, "the check agrees");
	cr_expect(!health_is_up(&h, &one));
	health_finish(&h);
}

Test(health, addresses_come_and_go)
{
	struct addr now_at[1];

	set_up(2, 3);
	check(&one, false, 5);
	cr_expect(!health_is_up(&h, &one));
	now_at[0] = at[1];
	health_sync(&h, EPOCH, now_at, 1, 10);
	expect_num(atomic_load(&h.down), 0, "what is gone is not down");
	check(&one, false, 20);
	cr_expect(health_is_up(&h, &one), "a late result of it is nothing");
	health_sync(&h, EPOCH, at, 2, 30);
	expect_str(word(1), "unchecked", "it came back, and is new");
	expect_num(place(1).due, 30, "and checked at once");
	health_sync(&h, EPOCH, NULL, 0, 40);
	expect_num(place(0).at.sa.sa_family, AF_INET6, "no answer of DNS forgets nothing");
	health_finish(&h);
}

Test(health, a_reload_keeps_states)
{
	struct check_plan plan;

	set_up(2, 3);
	check(&one, false, 5);
	plan = h.plan;
	plan.port = 2525;
	health_configure(&h, &plan, EPOCH + 1, -1);
	cr_expect(!health_is_up(&h, &one), "still down");
	cr_expect(!health_sync(&h, EPOCH, at, 2, 10), "not in the configuration before");
	plan.on = false;
	health_configure(&h, &plan, EPOCH + 2, -1);
	cr_expect(health_is_up(&h, &one), "without checks it is up");
	health_finish(&h);
}

Test(health, since_when_it_is_back)
{
	set_up(1, 1);
	expect_num(health_up_since(&h), 0, "from the start");
	check(&one, false, 5);
	check(&two, true, 5);
	check(&one, true, 50);
	expect_num(health_up_since(&h), 0, "one was up all the time");
	check(&one, false, 60);
	check(&two, false, 70);
	check(&two, true, 80);
	expect_num(health_up_since(&h), 80, "the first after all were down");
	health_finish(&h);
}
