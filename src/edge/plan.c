#include "edge/plan.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "config/keys.h"
#include "config/lint_story.h"
#include "config/profile.h"
#include "config/reach.h"
#include "config/value.h"
#include "edge/gateways.h"
#include "relay/paths.h"

static const struct path *find_path(const struct listen_conf *l, struct report *report)
{
	const struct path *p = path_find(l->path);
	char known[128] = "";
	size_t used = 0;

	for (size_t i = 0; !p && paths[i]; i++)
		used += (size_t)snprintf(known + used, sizeof(known) - used, " %s", paths[i]->name);
	if (!p)
		report_add(report, key_line(SECTION_LISTEN, &l->section, "path"),
			   "path: '%.40s': expected one of%s", l->path, known);
	return p;
}

/* A port may come from three places; two of them would contradict each other silently. */
static void check_ports(const struct listen_conf *l, struct report *report)
{
	int line = key_line(SECTION_LISTEN, &l->section, "backend");
	char where[LINES_TEXT];
	const struct servers *servers = &l->backend->servers;

	for (size_t i = 0; i < servers->count; i++)
		if (servers->at[i].port && l->target.port)
			report_add(
				report, line,
				"backend: %s:%u names a port, and server = %s:%u in %s names its own: "
				"drop one",
				l->target.name, l->target.port, servers->at[i].host,
				servers->at[i].port,
				lines_words(&report->lines, servers->at[i].line, where));
	for (size_t i = 0; i < l->ports.count; i++) {
		if (l->ports.at[i].from == l->ports.at[i].to)
			continue;
		for (size_t k = 0; k < servers->count; k++)
			if (servers->at[k].port)
				report_add(
					report, key_line(SECTION_LISTEN, &l->section, "ports"),
					"ports: %u>%u names the server's port, and server = %s:%u does too: drop one",
					l->ports.at[i].from, l->ports.at[i].to, servers->at[k].host,
					servers->at[k].port);
		if (l->target.port)
			report_add(
				report, line,
				"backend: %s:%u names a port, and ports = %u>%u does too: drop one",
				l->target.name, l->target.port, l->ports.at[i].from,
				l->ports.at[i].to);
	}
}

/* `auto`: an office behind one address reads mail with five connections a person, a provider's outbound opens some
 * hundred; one stranger alone cannot take all places. */
#define AUTO_FLOWS 500
#define AUTO_COUNT 500
#define AUTO_PER   10000

static struct source_limits limits_of(const struct listen_conf *l, bool is_public)
{
	const struct rate *r = &l->rate_per_source;
	struct source_limits limits = { l->flows_per_source, r->count, r->per };

	/* Where clients are machines of one's own, a proxy among them, `auto` is no limit. */
	if (limits.flows == LIMIT_AUTO)
		limits.flows = is_public ? AUTO_FLOWS : 0;
	if (limits.count == LIMIT_AUTO)
		limits = (struct source_limits){ limits.flows, is_public ? AUTO_COUNT : 0,
						 AUTO_PER };
	return limits;
}

static void add_entry(struct plan *p, const struct listen_conf *l, const struct addr *bind,
		      const struct port_map *port, const struct path *path)
{
	struct plan_entry *e = &p->at[p->count++];
	bool is_public = reach_of_addr(bind) == REACH_PUBLIC;

	*e = (struct plan_entry){ .conf = l, .at = *bind, .path = path };
	addr_set_port(&e->at, port->from);
	e->profile = profile_of((enum profile)l->profile, port->from);
	e->client = profile_client_timeouts(e->profile, &l->timeouts, &l->backend->timeouts);
	e->guard = is_public ? (enum guard)l->source_guard : GUARD_OFF;
	e->limits = limits_of(l, is_public);
	e->limits_inner = limits_of(l, false);
	e->to = memory_zeroed(1, sizeof(*e->to));
	e->nto = 1;
	*e->to = (struct destination){ .backend = l->backend,
				       .idle = e->client.idle,
				       .half_closed = e->client.half_closed };
	e->to->dial.timeouts =
		profile_server_timeouts(e->profile, &l->backend->timeouts, &l->timeouts);
	e->to->dial.port = l->target.port ? l->target.port : port->to;
}

/* 0.0.0.0 and 192.0.2.1 on one port are two sockets that may both exist, as in any server. */
static void check_twins(const struct plan *p, struct report *report)
{
	char text[ADDR_TEXT], where[LINES_TEXT];

	for (size_t i = 0; i < p->count; i++)
		for (size_t j = 0; j < i; j++)
			if (addr_equal(&p->at[i].at, &p->at[j].at))
				report_lint(report,
					    key_line(SECTION_LISTEN, &p->at[i].conf->section,
						     "ports"),
					    0, lint_story(LINT_ADDRESS_TWICE)->code,
					    "ports: %s belongs to [listen %s] in %s already",
					    addr_format(&p->at[i].at, text),
					    p->at[j].conf->section.name,
					    lines_words(&report->lines, p->at[j].conf->section.line,
							where));
}

bool plan_make(struct plan *p, const struct config *c, struct report *report)
{
	size_t before = report->errors, room = 0;
	const struct path *path;

	for (size_t i = 0; i < c->nlistens; i++)
		room += c->listens[i].ports.count * c->listens[i].bind.count;
	*p = (struct plan){ 0 };
	if (room > PLAN_MAX) {
		report_add(report, 0, "ports and bind make %zu addresses to listen on: at most %d",
			   room, PLAN_MAX);
		return false;
	}
	p->at = memory_zeroed(room, sizeof(*p->at));
	for (size_t i = 0; i < c->nlistens; i++) {
		const struct listen_conf *l = &c->listens[i];

		path = l->path ? find_path(l, report) : NULL;
		if (!l->backend)
			continue;
		check_ports(l, report);
		for (size_t k = 0; path && k < l->ports.count; k++)
			for (size_t b = 0; b < l->bind.count; b++)
				add_entry(p, l, &l->bind.at[b], &l->ports.at[k], path);
	}
	check_twins(p, report);
	return report->errors == before;
}

bool plan_look_up(struct plan *p, const struct config *c, struct report *report)
{
	size_t before = report->errors;

	p->lists = memory_zeroed(c->nlistens, sizeof(struct lists *));
	p->nlists = c->nlistens;
	for (size_t i = 0; i < c->nlistens; i++)
		p->lists[i] = lists_open(&c->listens[i], c->file, report);
	p->gateways = gateways_find();
	for (size_t i = 0; i < p->count; i++) {
		p->at[i].lists = p->lists[p->at[i].conf - c->listens];
		p->at[i].gateways = p->gateways;
	}
	return report->errors == before;
}

void plan_free(struct plan *p)
{
	for (size_t i = 0; i < p->count; i++)
		free(p->at[i].to);
	free(p->at);
	for (size_t i = 0; i < p->nlists; i++)
		lists_close(p->lists[i]);
	free(p->lists);
	prefixes_put(p->gateways);
	*p = (struct plan){ 0 };
}

static void print_server(const struct plan_entry *e, const struct server_conf *s, FILE *to)
{
	const char *shape = strchr(s->host, ':') && s->host[0] != '[' ? " [%s]:%u" : " %s:%u";

	fprintf(to, shape, s->host, s->port ? s->port : e->to->dial.port);
}

void plan_print(const struct plan *p, FILE *to)
{
	static const char *const headers[] = { "no PROXY header", "PROXY v1", "PROXY v2" };
	char at[ADDR_TEXT], idle[VALUE_DURATION_TEXT];

	for (size_t i = 0; i < p->count; i++) {
		const struct plan_entry *e = &p->at[i];

		fprintf(to, "%-12s %-22s -> %s", e->conf->section.name, addr_format(&e->at, at),
			e->to->backend->section.name);
		for (size_t k = 0; k < e->to->backend->servers.count; k++)
			print_server(e, &e->to->backend->servers.at[k], to);
		fprintf(to, "  (%s, path %s, profile %s, idle %s)\n",
			headers[e->to->backend->send_proxy], e->path->name,
			profile_name(e->profile), value_format_duration(e->to->idle, idle));
	}
}
