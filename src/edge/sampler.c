#include "edge/sampler.h"

#include "base/log.h"

static void tell(enum why why, uint64_t clients)
{
	struct line line;

	if (!log_wants(LOG_INFO))
		return;
	line_start(&line, log_format());
	line_str(&line, "level", "info");
	line_str(&line, "msg", "more connections ended like these");
	line_str(&line, "why", why_name(why));
	line_u64(&line, "clients", clients);
	line_finish(&line);
	log_line(&line);
}

/* True when there was anybody. */
static bool begin_anew(struct sampler *s)
{
	bool any = false;

	for (enum why why = 0; why < WHY_COUNT; why++) {
		if (s->of[why].silent)
			tell(why, s->of[why].silent);
		any |= s->of[why].said > 0;
		s->of[why].said = s->of[why].silent = 0;
	}
	return any;
}

static msec_t tick(struct timer *t, msec_t now)
{
	struct sampler *s = container_of(t, struct sampler, timer);

	return begin_anew(s) ? now + SAMPLER_SPAN : TIMER_NONE;
}

void sampler_init(struct sampler *s, struct timers *timers)
{
	*s = (struct sampler){ .timers = timers, .timer.tick = tick };
}

bool sampler_wants(struct sampler *s, enum why why, msec_t now)
{
	if (!s->timer.slot)
		timer_set(s->timers, &s->timer, now + SAMPLER_SPAN);
	if (s->of[why].said == SAMPLER_LINES) {
		s->of[why].silent++;
		return false;
	}
	s->of[why].said++;
	return true;
}

void sampler_finish(struct sampler *s)
{
	timer_stop(s->timers, &s->timer);
	begin_anew(s);
}
