#include "edge/plan.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "config/keys.h"
#include "config/lint_story.h"
#include "config/profile.h"
#include "config/reach.h"
#include "config/route.h"
#include "config/value.h"
#include "edge/gateways.h"
#include "edge/ladder.h"

/* Of `auto`, where TLS comes first. */
#define FIRST_BYTE_TLS 10000

static const char *key_of(const struct route_conf *r)
{
	return r->implied ? "backend" : "route";
}

/* Otherwise there are complaints already. */
static bool leads_somewhere(const struct listen_conf *l)
{
	for (size_t i = 0; i < l->routes.count; i++)
		if (!l->routes.at[i].backend)
			return false;
	return l->routes.count > 0;
}

/* A port may come from three places; two of them would contradict each other silently. */
static void check_server_ports(const struct listen_conf *l, const struct route_conf *r,
			       struct report *report)
{
	const struct servers *servers = &r->backend->servers;
	char where[LINES_TEXT];

	for (size_t i = 0; i < servers->count; i++)
		if (servers->at[i].port && r->target.port)
			report_add(
				report, r->line,
				"%s: %s:%u names a port, and server = %s:%u in %s names its own: drop one",
				key_of(r), r->target.name, r->target.port, servers->at[i].host,
				servers->at[i].port,
				lines_words(&report->lines, servers->at[i].line, where));
	for (size_t i = 0; i < l->ports.count; i++)
		for (size_t k = 0; k < servers->count; k++)
			if (l->ports.at[i].from != l->ports.at[i].to && servers->at[k].port)
				report_add(
					report, key_line(SECTION_LISTEN, &l->section, "ports"),
					"ports: %u>%u names the server's port, and server = %s:%u does too: drop one",
					l->ports.at[i].from, l->ports.at[i].to, servers->at[k].host,
					servers->at[k].port);
}

static void check_ports(const struct listen_conf *l, const struct route_conf *r,
			struct report *report)
{
	check_server_ports(l, r, report);
	for (size_t i = 0; r->target.port && i < l->ports.count; i++)
		if (l->ports.at[i].from != l->ports.at[i].to)
			report_add(report, r->line,
				   "%s: %s:%u names a port, and ports = %u>%u does too: drop one",
				   key_of(r), r->target.name, r->target.port, l->ports.at[i].from,
				   l->ports.at[i].to);
}

static void add_destination(struct plan_entry *e, const struct route_conf *r,
			    const struct port_map *port)
{
	const struct listen_conf *l = e->conf;
	struct timeouts t =
		profile_client_timeouts(e->profile, &l->timeouts, &r->backend->timeouts);
	struct destination *to = &e->to[e->nto++];

	*to = (struct destination){ .backend = r->backend,
				    .idle = t.idle,
				    .half_closed = t.half_closed,
				    .greeting = e->first == WIRE_SERVER_FIRST ? r->backend->head
									      : 0 };
	to->dial.timeouts =
		profile_server_timeouts(e->profile, &r->backend->timeouts, &l->timeouts);
	to->dial.port = r->target.port ? r->target.port : port->to;
}

/* Where TLS comes first, whoever says nothing wants nothing; a browser may open a plain connection before it
 * needs one. */
static msec_t first_byte(const struct listen_conf *l, uint16_t port)
{
	if (l->first_byte != FIRST_BYTE_AUTO)
		return l->first_byte;
	return wire_is_tls(wire_of(port)) ? FIRST_BYTE_TLS : 0;
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
	static const struct timeouts none;
	struct plan_entry *e = &p->at[p->count++];
	bool is_public = reach_of_addr(bind) == REACH_PUBLIC;

	*e = (struct plan_entry){ .conf = l, .at = *bind, .path = path };
	addr_set_port(&e->at, port->from);
	e->profile = profile_of((enum profile)l->profile, port->from);
	e->first = wire_first(e->profile, port->from);
	e->first_byte = first_byte(l, port->from);
	/* Keepalive and user timeout of this leg: no backend has a word in them. */
	e->client = profile_client_timeouts(e->profile, &l->timeouts, &none);
	e->guard = is_public ? (enum guard)l->source_guard : GUARD_OFF;
	e->limits = limits_of(l, is_public);
	e->limits_inner = limits_of(l, false);
	e->to = memory_zeroed(l->routes.count, sizeof(*e->to));
	for (size_t i = 0; i < l->routes.count; i++)
		add_destination(e, &l->routes.at[i], port);
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
	unsigned allowed;
	bool readable = ladder_read(c, report, &allowed);
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

		path = l->path && readable ? ladder_path(c, allowed, l, report) : NULL;
		if (!leads_somewhere(l))
			continue;
		for (size_t k = 0; k < l->routes.count; k++)
			check_ports(l, &l->routes.at[k], report);
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

static void print_server(const struct destination *to, const struct server_conf *s, FILE *out)
{
	bool bare_v6 = strchr(s->host, ':') && s->host[0] != '[' && !server_node(s->host);

	fprintf(out, bare_v6 ? " [%s]:%u" : " %s:%u", s->host, s->port ? s->port : to->dial.port);
	if (s->weight != 1)
		fprintf(out, " weight=%u", s->weight);
	if (s->backup)
		fputs(" backup", out);
}

static void print_destination(const struct plan_entry *e, const struct destination *to, FILE *out)
{
	static const char *const headers[] = { "no PROXY header", "PROXY v1", "PROXY v2" };
	char idle[VALUE_DURATION_TEXT];

	fprintf(out, "-> %s", to->backend->section.name);
	for (size_t k = 0; k < to->backend->servers.count; k++)
		print_server(to, &to->backend->servers.at[k], out);
	fprintf(out, "  (%s, path %s, profile %s, idle %s)\n", headers[to->backend->send_proxy],
		e->path->name, profile_name(e->profile), value_format_duration(to->idle, idle));
}

void plan_print(const struct plan *p, FILE *to)
{
	char at[ADDR_TEXT], route[ROUTE_TEXT];

	for (size_t i = 0; i < p->count; i++) {
		const struct plan_entry *e = &p->at[i];
		const struct routes *routes = &e->conf->routes;

		fprintf(to, "%-12s %-22s ", e->conf->section.name, addr_format(&e->at, at));
		if (e->nto == 1 && routes->at[0].implied) {
			print_destination(e, &e->to[0], to);
			continue;
		}
		fprintf(to, "by what the client says\n");
		for (size_t k = 0; k < e->nto; k++) {
			fprintf(to, "  %-33s ",
				routes->at[k].implied ? "any"
						      : route_format(&routes->at[k], route));
			print_destination(e, &e->to[k], to);
		}
	}
}
