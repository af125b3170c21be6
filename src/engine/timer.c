#include "engine/timer.h"

#include <stdlib.h>
#include <time.h>

#include "base/log.h"

void timers_init(struct timers *ts)
{
	*ts = (struct timers){ 0 };
}

void timers_finish(struct timers *ts)
{
	free(ts->heap);
	timers_init(ts);
}

static void place(struct timers *ts, size_t i, struct timer_entry e)
{
	ts->heap[i] = e;
	e.timer->slot = i + 1;
}

static void sift_up(struct timers *ts, size_t i, struct timer_entry e)
{
	while (i > 0 && ts->heap[(i - 1) / 2].due > e.due) {
		place(ts, i, ts->heap[(i - 1) / 2]);
		i = (i - 1) / 2;
	}
	place(ts, i, e);
}

static void sift_down(struct timers *ts, size_t i, struct timer_entry e)
{
	size_t child;

	while ((child = 2 * i + 1) < ts->count) {
		if (child + 1 < ts->count && ts->heap[child + 1].due < ts->heap[child].due)
			child++;
		if (ts->heap[child].due >= e.due)
			break;
		place(ts, i, ts->heap[child]);
		i = child;
	}
	place(ts, i, e);
}

/* Puts `e` where it belongs, given that slot i is free for it. */
static void settle(struct timers *ts, size_t i, struct timer_entry e)
{
	if (i > 0 && ts->heap[(i - 1) / 2].due > e.due)
		sift_up(ts, i, e);
	else
		sift_down(ts, i, e);
}

static void grow(struct timers *ts)
{
	size_t room = ts->room ? 2 * ts->room : 64;
	struct timer_entry *heap = realloc(ts->heap, room * sizeof(*heap));

	if (!heap)
		panic("out of memory for timers");
	ts->heap = heap;
	ts->room = room;
}

void timer_set(struct timers *ts, struct timer *t, msec_t due)
{
	struct timer_entry e = { .due = due, .timer = t };

	if (due == TIMER_NONE) {
		timer_stop(ts, t);
	} else if (t->slot) {
		settle(ts, t->slot - 1, e);
	} else {
		if (ts->count == ts->room)
			grow(ts);
		sift_up(ts, ts->count++, e);
	}
}

void timer_stop(struct timers *ts, struct timer *t)
{
	size_t i = t->slot;

	if (!i)
		return;
	t->slot = 0;
	if (--ts->count != i - 1)
		settle(ts, i - 1, ts->heap[ts->count]);
}

msec_t timers_wait(const struct timers *ts, msec_t now)
{
	if (!ts->count)
		return TIMER_NONE;
	return ts->heap[0].due > now ? ts->heap[0].due - now : 0;
}

void timers_run(struct timers *ts, msec_t now)
{
	struct timer *t;
	msec_t next;

	while (ts->count && ts->heap[0].due <= now) {
		t = ts->heap[0].timer;
		timer_stop(ts, t);
		next = t->tick(t, now);
		/* Never in this pass again, whatever tick() says: the loop must end. */
		if (next != TIMER_NONE)
			timer_set(ts, t, max_of(next, now + 1));
	}
}

msec_t timer_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (msec_t)t.tv_sec * 1000 + (msec_t)t.tv_nsec / 1000000;
}
