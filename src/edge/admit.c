#include "edge/admit.h"

#include "base/bits.h"
#include "base/log.h"
#include "engine/timer.h"

/* Pipes are needed only while bytes are stuck in them; two descriptors each. */
#define PIPES_SHARE 20
#define PIPES_LEAST 2
/* pipe-user-pages-soft (pipe(7)) allows 16384 pages: 256 pipes of 256 KiB. */
#define PIPES_MOST 256

/* Milliseconds between two warnings of the kind. */
#define STORY 10000

void admit_init(struct admit *a, size_t max_flows)
{
	*a = (struct admit){ .max_flows = max_flows };
}

void admit_set_limit(struct admit *a, size_t max_flows)
{
	atomic_store(&a->max_flows, max_flows);
}

size_t admit_limit(const struct admit *a)
{
	return atomic_load_explicit(&a->max_flows, memory_order_relaxed);
}

bool admit_enter(struct admit *a)
{
	if (atomic_fetch_add_explicit(&a->flows, 1, memory_order_relaxed) < admit_limit(a))
		return true;
	atomic_fetch_sub_explicit(&a->flows, 1, memory_order_relaxed);
	return false;
}

/* The strain is over well below the point where it began, or the log would flicker. */
static bool is_eased(const struct admit *a, size_t flows)
{
	size_t began = atomic_load_explicit(&a->strained_at, memory_order_relaxed);

	return flows < began - began / 8;
}

void admit_leave(struct admit *a)
{
	size_t before = atomic_fetch_sub_explicit(&a->flows, 1, memory_order_relaxed);

	if (!atomic_load_explicit(&a->strained, memory_order_relaxed) || !is_eased(a, before - 1))
		return;
	if (atomic_exchange(&a->strained, false) && atomic_exchange(&a->said, false))
		log_info(
			"%s%saccept goes on without pauses: %zu flows of at most %zu; paused %llu times since the start",
			a->listener ? a->listener : "", a->listener ? ": " : "", before - 1,
			admit_limit(a), (unsigned long long)atomic_load(&a->pauses));
}

size_t admit_room(const struct admit *a)
{
	size_t flows = atomic_load_explicit(&a->flows, memory_order_relaxed);

	size_t max = admit_limit(a);

	return flows < max ? max - flows : 0;
}

/* Strain that comes and goes is one story, told once. */
static bool is_news(struct admit *a)
{
	msec_t now = timer_now(), last = atomic_load(&a->said_at);

	if (last && now - last < STORY)
		return false;
	atomic_store(&a->said_at, now);
	return !atomic_exchange(&a->said, true);
}

void admit_strain(struct admit *a, const char *reason)
{
	size_t flows = atomic_load(&a->flows);

	atomic_fetch_add_explicit(&a->pauses, 1, memory_order_relaxed);
	if (atomic_load(&a->strained))
		return;
	atomic_store(&a->strained_at, flows);
	if (!atomic_exchange(&a->strained, true) && is_news(a))
		log_warn(
			"%s%saccept paused: %s; %zu flows of at most %zu; clients wait until a flow ends (raise "
			"%s)",
			a->listener ? a->listener : "", a->listener ? ": " : "", reason, flows,
			admit_limit(a), a->listener ? "its max-flows" : "LimitNOFILE or max-flows");
}

struct fd_budget admit_budget(size_t limit, size_t fixed)
{
	struct fd_budget b = { .limit = limit };
	size_t used;

	b.pipes = min_of(max_of(limit / PIPES_SHARE / 2, (size_t)PIPES_LEAST), (size_t)PIPES_MOST);
	used = fixed + 2 * b.pipes;
	b.max_flows = limit > used + 2 ? (limit - used) / 2 : 1;
	return b;
}
