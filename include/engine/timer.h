/* timer - one worker's deadlines: a min-heap of timers that live inside their owners.
 * A timer costs nothing while bytes move: the owner only stamps a time, and when the timer
 * fires its tick() answers when to look again. */
#ifndef TAILSPLICE_ENGINE_TIMER_H
#define TAILSPLICE_ENGINE_TIMER_H

#include <stddef.h>
#include <stdint.h>

#include "base/bits.h"

#define TIMER_NONE UINT64_MAX

struct timer {
	/* Returns the time of the next tick, or TIMER_NONE. It may set or stop any timer, and
	 * free its own owner when it returns TIMER_NONE. */
	msec_t (*tick)(struct timer *t, msec_t now);
	size_t slot; /* its place in the heap, counted from 1; 0 when it is not set */
};

struct timers {
	struct timer_entry {
		msec_t due;
		struct timer *timer;
	} * heap;
	size_t count, room;
};

void timers_init(struct timers *ts);
void timers_finish(struct timers *ts);

/* Moves it when it is set already. TIMER_NONE stops it. Panics when memory is out while the
 * heap grows: a flow without a deadline would live for ever. */
void timer_set(struct timers *ts, struct timer *t, msec_t due);
void timer_stop(struct timers *ts, struct timer *t);

/* Milliseconds until the first is due: 0 when it is overdue, TIMER_NONE when none is set. */
msec_t timers_wait(const struct timers *ts, msec_t now);

/* Ticks everything due. */
void timers_run(struct timers *ts, msec_t now);

/* CLOCK_MONOTONIC in milliseconds. */
msec_t timer_now(void);

#endif
