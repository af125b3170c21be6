#include "tally.h"

void tally_add(struct tally *t, uint64_t ns)
{
	t->done++;
	latency_add(&t->latency, ns);
}

void tally_run(struct tally *t, struct measure *m, const struct load *l, void (*turn)(void))
{
	enum measure_turn now;

	measure_plan(m, l);
	while ((now = measure_turn(m, clock_ns())) != MEASURE_CLOSES) {
		if (now == MEASURE_OPENS) {
			t->done = 0;
			latency_reset(&t->latency);
		}
		turn();
	}
}

void tally_print(const struct tally *t, const struct measure *m, const char *mode, const char *unit)
{
	measure_print(m, mode, unit, (double)t->done);
	latency_print(&t->latency);
}
