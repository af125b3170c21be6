#include "edge/generation.h"

#include <stdlib.h>

#include "base/memory.h"
#include "config/config.h"
#include "edge/machine.h"

static void number_entries(struct generation *g, struct roster *roster, struct gates *gates)
{
	char at[ADDR_TEXT];

	for (size_t i = 0; i < g->plan.count; i++) {
		struct plan_entry *e = &g->plan.at[i];

		e->generation = g;
		e->gate = gate_of(gates, e->conf->section.name);
		e->account = roster_number(roster, e->conf->section.name, addr_format(&e->at, at));
		for (size_t k = 0; k < e->nto; k++) {
			struct destination *to = &e->to[k];

			to->dial.pool = &g->pools[to->backend - g->config->backends];
			to->account = roster_number(roster, to->backend->section.name, NULL);
		}
	}
}

struct generation *generation_open(struct config *config, struct plan *plan, struct roster *roster,
				   struct gates *gates, struct registry *registry)
{
	struct generation *g = memory_zeroed(1, sizeof(*g));

	atomic_init(&g->holders, 1);
	g->config = config;
	g->plan = *plan;
	g->pools = memory_zeroed(config->nbackends, sizeof(*g->pools));
	*plan = (struct plan){ 0 };
	for (size_t i = 0; i < config->nbackends; i++)
		pool_open(&g->pools[i], &config->backends[i], registry);
	/* It reads files, and is asked again by workers. */
	machine_netns();
	number_entries(g, roster, gates);
	return g;
}

struct generation *generation_get(struct generation *g)
{
	if (g)
		atomic_fetch_add_explicit(&g->holders, 1, memory_order_relaxed);
	return g;
}

void generation_put(struct generation *g)
{
	if (!g || atomic_fetch_sub_explicit(&g->holders, 1, memory_order_acq_rel) > 1)
		return;
	for (size_t i = 0; i < g->config->nbackends; i++)
		pool_close(&g->pools[i]);
	plan_free(&g->plan);
	config_free(g->config);
	free(g->pools);
	free(g);
}
