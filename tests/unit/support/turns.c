#include "turns.h"

#include "../check.h"
#include "engine/timer.h"

#define PATIENCE 5000

struct ring *ring_of_test(void)
{
	struct ring *r = NULL;
	char text[512];
	int err = ring_open(&r);

	if (err) {
		ring_explain(err, text, sizeof(text));
		cr_skip_test("%s", text);
	}
	return r;
}

bool turn_until(struct ring *r, bool (*done)(void *arg), void *arg)
{
	msec_t end = timer_now() + PATIENCE;

	while (!done(arg) && timer_now() < end) {
		ring_wait(r, 20);
		ring_dispatch(r);
	}
	return done(arg);
}

void turn_for(struct ring *r, msec_t ms)
{
	msec_t now, end = timer_now() + ms;

	while ((now = timer_now()) < end) {
		ring_wait(r, end - now);
		ring_dispatch(r);
	}
}

void told_done(struct op *op, int res)
{
	struct told *t = container_of(op, struct told, op);

	t->count++;
	t->last = res;
}

struct wish {
	const struct told *told;
	int count;
};

static bool is_told(void *arg)
{
	const struct wish *w = arg;

	return w->told->count >= w->count;
}

bool turn_until_told(struct ring *r, const struct told *t, int count)
{
	struct wish w = { t, count };

	return turn_until(r, is_told, &w);
}
