#include "config/targets.h"

#include <string.h>

#include "base/memory.h"
#include "base/nearest.h"
#include "config/keys.h"
#include "config/value.h"

static const struct backend_conf *find_backend(const struct config *c, const char *name)
{
	for (size_t i = 0; i < c->nbackends; i++)
		if (strcmp(c->backends[i].section.name, name) == 0)
			return &c->backends[i];
	return NULL;
}

static bool is_reached(const struct config *c, const struct backend_conf *b)
{
	for (size_t i = 0; i < c->nlistens; i++)
		for (size_t k = 0; k < c->listens[i].routes.count; k++)
			if (c->listens[i].routes.at[k].backend == b)
				return true;
	return false;
}

static void say_no_backend(const struct config *c, const struct route_conf *r,
			   struct report *report)
{
	char meant[NEAREST_TEXT];
	struct nearest n;

	nearest_start(&n, r->target.name);
	for (size_t i = 0; i < c->nbackends; i++)
		nearest_try(&n, c->backends[i].section.name);
	report_add(report, r->line, "%s: there is no [backend %s]%s",
		   r->implied ? "backend" : "route", r->target.name, nearest_text(&n, meant));
}

/* `backend` is where clients go that no route fits. */
static void add_implied(struct listen_conf *l)
{
	struct routes *routes = &l->routes;
	struct route_conf *r;

	routes->at = memory_grow(routes->at, routes->count, sizeof(*routes->at));
	r = &routes->at[routes->count++];
	*r = (struct route_conf){ .implied = true,
				  .line = key_line(SECTION_LISTEN, &l->section, "backend") };
	r->at = memory_zeroed(1, sizeof(*r->at));
	r->count = 1;
	value_replace(&r->target.name, l->target.name);
	r->target.port = l->target.port;
}

static void resolve(const struct config *c, struct listen_conf *l, struct report *report)
{
	if (l->target.name)
		add_implied(l);
	for (size_t i = 0; i < l->routes.count; i++) {
		struct route_conf *r = &l->routes.at[i];

		r->backend = find_backend(c, r->target.name);
		if (!r->backend)
			say_no_backend(c, r, report);
	}
}

void targets_resolve(struct config *c, struct report *report)
{
	for (size_t i = 0; i < c->nlistens; i++)
		resolve(c, &c->listens[i], report);
	for (size_t i = 0; i < c->nbackends; i++)
		if (!is_reached(c, &c->backends[i]))
			report_add(report, c->backends[i].section.line,
				   "[backend %s]: no listener leads to it",
				   c->backends[i].section.name);
}
