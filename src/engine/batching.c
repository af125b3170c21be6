#include "engine/batching.h"

#include <pthread.h>
#include <sched.h>

/* Milliseconds over which bytes are counted. */
#define WINDOW 10

/* Bytes in a window that make it bulk, and that keep it so: 1.6 and 0.4 Gbit/s. Below, a worker sleeps more than it works. */
#define BEGINS (2 << 20)
#define STAYS  (512 << 10)

/* Not sched_setscheduler(3): musl has none. */
static bool change(struct batching *b, int policy)
{
	const struct sched_param none = { 0 };

	b->off_limits = pthread_setschedparam(pthread_self(), policy, &none) != 0;
	b->on = policy == SCHED_BATCH && !b->off_limits;
	return !b->off_limits;
}

bool batching_init(struct batching *b, msec_t now)
{
	struct sched_param param;
	int policy;

	*b = (struct batching){ .began = now, .off_limits = true };
	if (pthread_getschedparam(pthread_self(), &policy, &param) == 0 && policy != SCHED_OTHER)
		return true;
	return change(b, SCHED_OTHER);
}

void batching_turn(struct batching *b, msec_t now, uint64_t moved)
{
	uint64_t bytes = moved - b->moved;
	msec_t lasted = now - b->began;

	if (b->off_limits || lasted < WINDOW)
		return;
	/* A longer one, in which the worker slept, is judged by its rate. */
	bytes = bytes * WINDOW / lasted;
	if (!b->on && bytes >= BEGINS)
		change(b, SCHED_BATCH);
	else if (b->on && bytes < STAYS)
		change(b, SCHED_OTHER);
	b->began = now;
	b->moved = moved;
}
