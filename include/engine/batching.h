/* batching - while a worker moves bulk, it does not interrupt those whose bytes it moves.
 *
 * The kernel wakes the worker with the first segment that arrives, and a thread of SCHED_OTHER that wakes takes the core from
 * whoever is at work there: the sender before it has sent more, the reader before it has made room. Each turn then moves little,
 * and the turns cost more than the bytes. A thread of SCHED_BATCH (sched(7); check_preempt_wakeup_fair(), kernel/sched/fair.c)
 * waits for them to pause; where a core is free, it starts as soon as ever. Its share of a contended core stays the same. What it
 * pays is latency on a contended core, so it is for bulk alone, and ends with it.
 * Used by its own thread only. */
#ifndef TAILSPLICE_ENGINE_BATCHING_H
#define TAILSPLICE_ENGINE_BATCHING_H

#include <stdbool.h>
#include <stdint.h>

#include "engine/timer.h"

struct batching {
	uint64_t moved; /* bytes of large moves, ever, when the window began */
	msec_t began;	/* the window */
	bool on, off_limits;
};

/* A thread whose policy somebody chose (anything but SCHED_OTHER) is left alone. False: the kernel refuses to change policies
 * (a seccomp filter), and is not asked again. */
bool batching_init(struct batching *b, msec_t now);

/* Once a turn. moved: bytes of large moves, ever. */
void batching_turn(struct batching *b, msec_t now, uint64_t moved);

#endif
