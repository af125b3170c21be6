/* The heap of deadlines against a model that is too simple to be wrong. */
#include "engine/timer.h"

#include <stdlib.h>
#include <time.h>

#include "check.h"

enum { TIMERS = 200, STEPS = 20000 };

struct probe {
	struct timer timer;
	msec_t due;   /* the model's; TIMER_NONE: not set */
	msec_t again; /* what tick() answers */
	int ticks;
};

static struct timers heap;
static msec_t last_due;

static msec_t tick_probe(struct timer *t, msec_t now)
{
	struct probe *p = container_of(t, struct probe, timer);

	cr_assert(p->due <= now, "ticked %lld early", (long long)(p->due - now));
	cr_assert(p->due >= last_due, "out of order");
	last_due = p->due;
	p->due = p->again == TIMER_NONE ? TIMER_NONE : max_of(p->again, now + 1);
	p->ticks++;
	return p->again;
}

static void check_wait(const struct probe *probes, msec_t now)
{
	msec_t first = TIMER_NONE, wanted;
	size_t set = 0;

	for (size_t i = 0; i < TIMERS; i++) {
		first = min_of(first, probes[i].due);
		set += probes[i].due != TIMER_NONE;
		cr_assert(!probes[i].timer.slot == (probes[i].due == TIMER_NONE), "slot of %zu", i);
	}
	wanted = first == TIMER_NONE ? TIMER_NONE : first > now ? first - now : 0;
	cr_assert(timers_wait(&heap, now) == wanted, "wait");
	cr_assert(heap.count == set, "%zu are set, not %zu", heap.count, set);
}

static void run(struct probe *probes, msec_t now)
{
	last_due = 0;
	for (size_t i = 0; i < TIMERS; i++)
		probes[i].ticks = probes[i].due <= now ? -1 : 0;
	timers_run(&heap, now);
	for (size_t i = 0; i < TIMERS; i++)
		cr_assert(probes[i].ticks == 0, "timer %zu: %d", i, probes[i].ticks);
}

Test(timer, as_the_model)
{
	struct probe *probes = calloc(TIMERS, sizeof(*probes));
	unsigned seed = 3;
	msec_t now = 1000;

	timers_init(&heap);
	for (size_t i = 0; i < TIMERS; i++)
		probes[i] = (struct probe){ .timer.tick = tick_probe, .due = TIMER_NONE };
	for (int step = 0; step < STEPS; step++) {
		struct probe *p = &probes[rand_r(&seed) % TIMERS];
		int what = rand_r(&seed) % 10;

		p->again = rand_r(&seed) % 3 ? TIMER_NONE : now + (msec_t)(rand_r(&seed) % 300);
		if (what < 6) {
			p->due = rand_r(&seed) % 20 ? now + (msec_t)(rand_r(&seed) % 500)
						    : TIMER_NONE;
			timer_set(&heap, &p->timer, p->due);
		} else if (what < 9) {
			p->due = TIMER_NONE;
			timer_stop(&heap, &p->timer);
		} else {
			now += (msec_t)(rand_r(&seed) % 100);
			run(probes, now);
		}
		if (step % 20 == 0)
			check_wait(probes, now);
	}
	timers_finish(&heap);
	free(probes);
}

Test(timer, empty)
{
	struct probe p = { .timer.tick = tick_probe };

	timers_init(&heap);
	cr_expect(timers_wait(&heap, 5) == TIMER_NONE, "nothing is set");
	timers_run(&heap, 5);
	timer_stop(&heap, &p.timer);
	timer_set(&heap, &p.timer, TIMER_NONE);
	cr_expect(timers_wait(&heap, 5) == TIMER_NONE, "nothing is set");
	timers_finish(&heap);
}

static int ticks;

static msec_t tick_in_the_past(struct timer *t, msec_t now)
{
	(void)t;
	ticks++;
	return now - 10;
}

Test(timer, a_pass_ends_whatever_tick_says)
{
	struct timer t = { .tick = tick_in_the_past };

	timers_init(&heap);
	timer_set(&heap, &t, 100);
	timers_run(&heap, 100);
	expect_num(ticks, 1, "once in a pass");
	expect_num(timers_wait(&heap, 100), 1, "and again in the next");
	timers_run(&heap, 101);
	expect_num(ticks, 2, "next pass");
	timers_finish(&heap);
}

struct owner {
	struct timer timer;
	struct owner *other;
	int ticked;
};

static msec_t tick_and_stop_other(struct timer *t, msec_t now)
{
	struct owner *o = container_of(t, struct owner, timer);

	(void)now;
	o->ticked++;
	timer_stop(&heap, &o->other->timer);
	return TIMER_NONE;
}

Test(timer, tick_may_stop_what_is_due)
{
	struct owner a = { .timer.tick = tick_and_stop_other }, b = a;

	a.other = &b;
	b.other = &a;
	timers_init(&heap);
	timer_set(&heap, &a.timer, 100);
	timer_set(&heap, &b.timer, 101);
	timers_run(&heap, 200);
	expect_num(a.ticked, 1, "the first");
	expect_num(b.ticked, 0, "the second was stopped");
	expect_num(heap.count, 0, "left");
	timers_finish(&heap);
}

static msec_t tick_and_set_other(struct timer *t, msec_t now)
{
	struct owner *o = container_of(t, struct owner, timer);

	o->ticked++;
	if (o->other)
		timer_set(&heap, &o->other->timer, now + 50);
	return TIMER_NONE;
}

Test(timer, tick_may_set_others)
{
	struct owner b = { .timer.tick = tick_and_set_other };
	struct owner a = { .timer.tick = tick_and_set_other, .other = &b };

	timers_init(&heap);
	timer_set(&heap, &a.timer, 100);
	timer_set(&heap, &b.timer, 110);
	timers_run(&heap, 120);
	expect_num(b.ticked, 0, "it was moved");
	expect_num(timers_wait(&heap, 120), 50, "wait");
	timers_run(&heap, 170);
	expect_num(b.ticked, 1, "then");
	timers_finish(&heap);
}

static msec_t tick_and_free(struct timer *t, msec_t now)
{
	(void)now;
	free(container_of(t, struct owner, timer));
	ticks++;
	return TIMER_NONE;
}

Test(timer, tick_may_free_its_owner)
{
	timers_init(&heap);
	for (int i = 0; i < 100; i++) {
		struct owner *o = calloc(1, sizeof(*o));

		o->timer.tick = tick_and_free;
		timer_set(&heap, &o->timer, 100 + (msec_t)(i % 7));
	}
	timers_run(&heap, 200);
	expect_num(ticks, 100, "all");
	expect_num(heap.count, 0, "left");
	timers_finish(&heap);
}

Test(timer, clock_is_monotonic_milliseconds)
{
	const struct timespec nap = { .tv_nsec = 20000000 };
	msec_t before = timer_now(), after;

	nanosleep(&nap, NULL);
	after = timer_now();
	cr_expect(after - before >= 19 && after - before < 2000, "%lld",
		  (long long)(after - before));
}
