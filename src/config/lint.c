#include "config/lint.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/memory.h"
#include "config/keys.h"
#include "config/lint_listeners.h"
#include "config/lint_routes.h"
#include "config/lint_rules.h"
#include "config/lint_servers.h"

/* Each is compared with each: that is seconds for a hundred thousand. */
#define ENDPOINTS_MAX 4096

static void add_endpoint(struct lint *lint, const struct listen_conf *l, const struct route_conf *r,
			 const struct server_conf *server, const struct port_map *map)
{
	struct endpoint *e = &lint->endpoints[lint->nendpoints++];

	*e = (struct endpoint){ .listen = l, .route = r, .backend = r->backend, .server = server };
	e->from = map->from;
	e->fixed = server->port || r->target.port;
	e->port = server->port ? server->port : r->target.port ? r->target.port : map->to;
	if (strcasecmp(server->host, "localhost") == 0)
		addr_parse(&e->at, "127.0.0.1", 0);
	else if (addr_parse(&e->at, server->host, 0))
		addr_fold(&e->at);
	if (e->at.sa.sa_family != AF_UNSPEC)
		addr_set_port(&e->at, e->port);
}

static void find_endpoints_of(struct lint *lint, const struct listen_conf *l,
			      const struct route_conf *r)
{
	for (size_t s = 0; r->backend && s < r->backend->servers.count; s++)
		for (size_t k = 0; k < l->ports.count && lint->nendpoints < ENDPOINTS_MAX; k++)
			add_endpoint(lint, l, r, &r->backend->servers.at[s], &l->ports.at[k]);
}

static void find_endpoints(struct lint *lint)
{
	const struct config *c = lint->config;

	lint->endpoints = memory_zeroed(ENDPOINTS_MAX, sizeof(*lint->endpoints));
	for (size_t i = 0; i < c->nlistens; i++) {
		const struct listen_conf *l = &c->listens[i];

		for (size_t k = 0; k < l->routes.count; k++)
			find_endpoints_of(lint, l, &l->routes.at[k]);
	}
}

static void lint_metrics(const struct lint *lint)
{
	const struct global_conf *g = &lint->config->global;
	char text[ADDR_TEXT];

	if (g->metrics.sa.sa_family == AF_UNSPEC || reach_of_addr(&g->metrics) != REACH_PUBLIC)
		return;
	lint_say(lint, LINT_WARNING, LINT_PUBLIC_METRICS, lint_at_global(g, "metrics"),
		 "metrics: %s can be read by anybody: write 127.0.0.1, or the tailnet address",
		 addr_format(&g->metrics, text));
}

static void lint_limits(const struct lint *lint)
{
	const struct global_conf *g = &lint->config->global;
	const struct lint_facts *f = lint->facts;

	if (f->max_flows && g->max_flows > f->max_flows)
		lint_say(lint, LINT_WARNING, LINT_MAX_FLOWS_LIMIT, lint_at_global(g, "max-flows"),
			 "max-flows: %llu, but RLIMIT_NOFILE here is %zu, enough for %zu: raise "
			 "LimitNOFILE, or write max-flows = auto",
			 (unsigned long long)g->max_flows, f->fd_limit, f->max_flows);
}

void lint_config(const struct config *c, const struct lint_facts *facts, struct report *report)
{
	struct lint lint = { .config = c, .facts = facts, .report = report };

	find_endpoints(&lint);
	lint_metrics(&lint);
	lint_limits(&lint);
	for (size_t i = 0; i < c->nbackends; i++)
		lint_backend(&lint, &c->backends[i]);
	for (size_t i = 0; i < c->nlistens; i++)
		lint_listener(&lint, &c->listens[i]);
	for (size_t i = 0; i < c->nlistens; i++)
		lint_routes(&lint, &c->listens[i]);
	lint_endpoints(&lint);
	free(lint.endpoints);
}
