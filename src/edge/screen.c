#include "edge/screen.h"

#include "config/reach.h"
#include "edge/bans.h"
#include "edge/guard.h"

static enum why count(struct screen *s, const struct plan_entry *plan, const struct addr *client,
		      msec_t now, struct sources_entry **source)
{
	const struct source_limits *limits = &plan->limits;

	if (reach_of_addr(client) < REACH_PUBLIC)
		limits = &plan->limits_inner;
	return sources_enter(s->sources, plan->gate ? plan->gate->number : 0, client, limits, now,
			     source);
}

struct verdict screen_client(struct screen *s, const struct plan_entry *plan,
			     const struct addr *client, int fd, msec_t now,
			     struct sources_entry **source)
{
	struct verdict v = { WHY_DENIED, (enum dismissal)plan->conf->deny_action };

	*source = NULL;
	if (bans_hit(s->bans, client, now) || lists_deny(plan->lists, client, &v.how))
		return v;
	if (fd >= 0 && guard_rejects(plan, client, fd))
		return v;
	v.why = count(s, plan, client, now, source);
	v.how = (enum dismissal)plan->conf->limit_action;
	return v;
}

void screen_leave(struct screen *s, struct sources_entry *source, msec_t now)
{
	sources_leave(s->sources, source, now);
}
