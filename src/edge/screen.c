#include "edge/screen.h"

#include "config/reach.h"
#include "edge/bans.h"

static enum why count(struct screen *s, const struct plan_entry *plan, const struct addr *client,
		      msec_t now, struct sources_entry **source)
{
	const struct source_limits *limits = &plan->limits;

	if (reach_of_addr(client) < REACH_PUBLIC)
		limits = &plan->limits_inner;
	return sources_enter(s->sources, plan->gate ? plan->gate->number : 0, client, limits, now,
			     source);
}

enum why screen_client(struct screen *s, const struct plan_entry *plan, const struct addr *client,
		       msec_t now, struct sources_entry **source)
{
	*source = NULL;
	if (bans_hit(s->bans, client, now))
		return WHY_DENIED;
	return count(s, plan, client, now, source);
}

void screen_leave(struct screen *s, struct sources_entry *source, msec_t now)
{
	sources_leave(s->sources, source, now);
}
