#include "backend/health.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "engine/timer.h"

/* Flows that fail hasten a check no more often than that. */
#define HASTE_MS 1000

void health_init(struct health *h)
{
	memset(h, 0, sizeof(*h));
	pthread_mutex_init(&h->lock, NULL);
	h->wake = -1;
}

void health_finish(struct health *h)
{
	pthread_mutex_destroy(&h->lock);
}

/* Whatever the port. Under the lock, as all that returns a place. */
static struct health_place *find(struct health *h, const struct addr *at)
{
	struct addr host = *at;

	addr_set_port(&host, 0);
	for (size_t i = 0; i < h->count; i++)
		if (addr_equal(&h->place[i].at, &host))
			return &h->place[i];
	return NULL;
}

bool health_is_up(struct health *h, const struct addr *at)
{
	const struct health_place *p;
	bool up;

	if (!atomic_load_explicit(&h->down, memory_order_relaxed))
		return true;
	pthread_mutex_lock(&h->lock);
	p = find(h, at);
	up = !p || !p->down;
	pthread_mutex_unlock(&h->lock);
	return up;
}

/* Called by those who fail: the checker may sleep. */
static void wake(int fd)
{
	const uint64_t one = 1;

	if (fd >= 0)
		(void)!write(fd, &one, sizeof(one));
}

/* A place that has just been checked is not asked again at once, however many flows fail. */
static bool hasten(struct health *h, struct health_place *p, msec_t now)
{
	msec_t soon = max_of(now, p->ended + min_of(h->plan.fast, (msec_t)HASTE_MS));

	if (p->busy || p->due <= soon)
		return false;
	p->due = soon;
	return true;
}

void health_note(struct health *h, const struct addr *at, enum health_event event)
{
	struct health_place *p;
	bool sooner = false;

	if (event == HEALTH_WORKED || !atomic_load_explicit(&h->on, memory_order_relaxed))
		return;
	pthread_mutex_lock(&h->lock);
	p = find(h, at);
	if (p && !p->down) {
		/* Another port than the checked one says nothing of that one. */
		if (addr_port(at) == h->plan.port && p->count + 1 < h->plan.fall)
			p->count++;
		sooner = hasten(h, p, timer_now());
	}
	pthread_mutex_unlock(&h->lock);
	if (sooner)
		wake(h->wake);
}

msec_t health_up_since(const struct health *h)
{
	return atomic_load_explicit(&h->up_since, memory_order_relaxed);
}

static void count_down(struct health *h)
{
	unsigned down = 0;

	for (size_t i = 0; i < h->count; i++)
		down += h->place[i].down;
	atomic_store_explicit(&h->down, down, memory_order_relaxed);
}

void health_configure(struct health *h, const struct check_plan *plan, unsigned epoch, int fd)
{
	pthread_mutex_lock(&h->lock);
	h->plan = *plan;
	h->epoch = epoch;
	h->wake = fd;
	if (!plan->on)
		h->count = 0;
	count_down(h);
	atomic_store_explicit(&h->on, plan->on, memory_order_relaxed);
	pthread_mutex_unlock(&h->lock);
}

static bool is_among(const struct addr *a, const struct addr *at, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (addr_equal(a, &at[i]))
			return true;
	return false;
}

static void forget_others(struct health *h, const struct addr *at, size_t count)
{
	size_t kept = 0;

	for (size_t i = 0; i < h->count; i++)
		if (is_among(&h->place[i].at, at, count))
			h->place[kept++] = h->place[i];
	h->count = kept;
}

bool health_sync(struct health *h, unsigned epoch, const struct addr *at, size_t count, msec_t now)
{
	bool on;

	pthread_mutex_lock(&h->lock);
	on = h->plan.on && h->epoch == epoch;
	/* A name that has no address for a moment keeps what is known. */
	if (on && count) {
		forget_others(h, at, count);
		for (size_t i = 0; i < count && h->count < NAME_ADDRESSES_MAX; i++)
			if (!find(h, &at[i]))
				h->place[h->count++] =
					(struct health_place){ .at = at[i], .due = now };
		count_down(h);
	}
	pthread_mutex_unlock(&h->lock);
	return on;
}

static struct health_place *most_overdue(struct health *h)
{
	struct health_place *found = NULL;

	for (size_t i = 0; i < h->count; i++) {
		struct health_place *p = &h->place[i];

		if (!p->busy && (!found || p->due < found->due))
			found = p;
	}
	return found;
}

msec_t health_due(struct health *h)
{
	const struct health_place *p;
	msec_t due;

	pthread_mutex_lock(&h->lock);
	p = most_overdue(h);
	due = p ? p->due : TIMER_NONE;
	pthread_mutex_unlock(&h->lock);
	return due;
}

bool health_take(struct health *h, msec_t now, struct check_plan *plan)
{
	struct health_place *p;
	bool taken;

	pthread_mutex_lock(&h->lock);
	p = most_overdue(h);
	taken = h->plan.on && p && p->due <= now;
	if (taken) {
		p->busy = true;
		*plan = h->plan;
		plan->conversation.to = p->at;
		addr_set_port(&plan->conversation.to, plan->port);
	}
	pthread_mutex_unlock(&h->lock);
	return taken;
}

/* From the start, or when the first of all comes back. */
static void turn(struct health *h, struct health_place *p, bool down, msec_t now,
		 struct health_change *out)
{
	bool all_were_down = atomic_load_explicit(&h->down, memory_order_relaxed) == h->count;

	*out = (struct health_change){ true, down, max_of(p->count, 1u),
				       p->since ? now - p->since : 0 };
	p->down = down;
	p->count = 0;
	p->since = now;
	if (!down && all_were_down)
		atomic_store_explicit(&h->up_since, now, memory_order_relaxed);
	count_down(h);
}

static void weigh(struct health *h, struct health_place *p, bool good, msec_t now,
		  struct health_change *out)
{
	if (good != p->down) {
		/* It agrees with the state. */
		p->count = 0;
		return;
	}
	p->count++;
	if (!p->checked || p->count >= (p->down ? h->plan.rise : h->plan.fall))
		turn(h, p, !p->down, now, out);
}

void health_result(struct health *h, const struct addr *at, const struct outcome *o, msec_t now,
		   uint8_t jitter, struct health_change *out)
{
	struct health_place *p;
	msec_t pause;

	*out = (struct health_change){ 0 };
	pthread_mutex_lock(&h->lock);
	p = find(h, at);
	if (p) {
		weigh(h, p, o->ending == ENDING_WELL, now, out);
		if (o->ending != ENDING_WELL)
			outcome_words(o, p->reason);
		p->checked = true;
		p->busy = false;
		p->ended = now;
		p->took = o->connect_ms + o->greeting_ms;
		pause = p->down || p->count ? h->plan.fast : h->plan.interval;
		/* 90 to 110 % */
		p->due = now + pause * (230 + jitter / 5) / 256;
	}
	pthread_mutex_unlock(&h->lock);
}

void health_give_back(struct health *h, const struct addr *at)
{
	struct health_place *p;

	pthread_mutex_lock(&h->lock);
	p = find(h, at);
	if (p)
		p->busy = false;
	pthread_mutex_unlock(&h->lock);
}

void health_look(struct health *h, struct health_view *out)
{
	pthread_mutex_lock(&h->lock);
	out->on = h->plan.on;
	out->count = h->count;
	memcpy(out->place, h->place, sizeof(h->place));
	pthread_mutex_unlock(&h->lock);
}

const char *health_word(const struct health_place *p)
{
	if (!p->checked)
		return "unchecked";
	if (p->down)
		return p->count ? "rising" : "down";
	return p->count ? "falling" : "up";
}
