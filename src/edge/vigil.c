#include "edge/vigil.h"

#include "backend/leg_options.h"
#include "config/profile.h"

/* At rest for so long, a flow that has to go may go. */
#define REST 1000

/* A flow that lasted so long is worth a few calls. */
#define LASTING 1000

static struct vigil go_on(msec_t due)
{
	return (struct vigil){ .due = due };
}

static struct vigil is_over(enum why why, bool reset)
{
	return (struct vigil){ .why = why, .reset = reset };
}

/* Where nobody loses anything by it, the end comes before the deadline. */
static struct vigil look_at_drain(struct flow *f, msec_t now)
{
	msec_t rested = f->relay.last_moved + REST;

	if (!f->drain_due)
		return go_on(TIMER_NONE);
	if (now >= f->drain_due)
		return is_over(WHY_DRAIN, true);
	if (!profile_ends_idle(f->plan->profile))
		return go_on(f->drain_due);
	if (now < rested || !relay_at_rest(&f->relay))
		return go_on(min_of(f->drain_due, max_of(rested, now + REST / 2)));
	return is_over(WHY_DRAIN, false);
}

static msec_t relay_began(const struct flow *f)
{
	return f->started + f->head_ms + f->connect_ms;
}

/* Until when the server has to have spoken. */
static msec_t greeting_due(const struct flow *f)
{
	if (!f->to->greeting || flow_moved(f, SERVER))
		return TIMER_NONE;
	return relay_began(f) + f->to->greeting;
}

/* The client's leg has it from its listener. */
static msec_t watch_server(struct flow *f, msec_t now)
{
	msec_t lasting = relay_began(f) + LASTING;

	if (f->watched)
		return TIMER_NONE;
	if (now < lasting)
		return lasting;
	leg_options_watch(f->relay.leg[SERVER].fd, &f->to->dial.timeouts);
	f->watched = true;
	return TIMER_NONE;
}

struct vigil vigil_look(struct flow *f, msec_t now)
{
	bool half = relay_half_closed(&f->relay);
	const struct destination *t = f->to;
	msec_t limit = half ? min_of(t->half_closed, t->idle) : t->idle;
	/* A half-close may come at any time: look again before its limit could have passed. */
	msec_t look = half ? limit : min_of(limit, t->half_closed);
	msec_t greeting;
	struct vigil drain;

	relay_refresh(&f->relay);
	drain = look_at_drain(f, now);
	if (drain.why != WHY_NONE)
		return drain;
	if (now - f->relay.last_moved >= limit)
		return is_over(half ? WHY_HALF_CLOSED : WHY_IDLE, true);
	greeting = greeting_due(f);
	if (now >= greeting)
		return is_over(WHY_HEAD_TIMEOUT, true);
	look = min_of(min_of(watch_server(f, now), now + look), greeting);
	return go_on(min_of(drain.due, min_of(f->relay.last_moved + limit, look)));
}
