#include "config/lint_servers.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/memory.h"
#include "config/lint_dial.h"
#include "config/profile.h"
#include "config/route.h"

/* Servers of one backend that are compared with each other. */
#define SERVERS_MAX 256

static void bare_name(const struct lint *lint, const struct backend_conf *b,
		      const struct server_conf *server)
{
	const char *host = server->host;
	struct addr a;

	if (strpbrk(host, ".:") || strcasecmp(host, "localhost") == 0 || addr_parse(&a, host, 0))
		return;
	lint_say(
		lint, LINT_ERROR, LINT_BARE_NAME, lint_at_server(b, server),
		"server: '%.64s' has no dot; a bare MagicDNS name resolves only where the search domain "
		"is set, so write %.64s.TAILNET.ts.net, or tailnet:%.64s",
		host, host, host);
}

static void tailnet_off(const struct lint *lint, const struct backend_conf *b,
			const struct server_conf *server)
{
	const char *socket = lint->config->global.tailscale;

	if (!socket || strcmp(socket, TAILSCALE_OFF) != 0 || !server_node(server->host))
		return;
	lint_say(
		lint, LINT_ERROR, LINT_TAILNET_OFF, lint_at_server(b, server),
		"server: only tailscaled knows where %.64s is, and it is not asked (tailscale = off): remove "
		"that line, or write the node's full name",
		server->host);
}

static const char *cannot_be_reached(const struct addr *a)
{
	const struct in6_addr *v6 = &a->v6.sin6_addr;
	uint32_t v4;

	if (addr_is_any(a))
		return "means every address of this machine";
	if (a->sa.sa_family == AF_INET) {
		v4 = ntohl(a->v4.sin_addr.s_addr);
		return IN_MULTICAST(v4) || v4 == INADDR_BROADCAST ? "is not one machine" : NULL;
	}
	if (IN6_IS_ADDR_MULTICAST(v6))
		return "is not one machine";
	return IN6_IS_ADDR_LINKLOCAL(v6) && !a->v6.sin6_scope_id
		       ? "is link-local and names no interface (fe80::1%eth0)"
		       : NULL;
}

static void server_address(const struct lint *lint, const struct backend_conf *b,
			   const struct server_conf *server)
{
	const char *host = server->host, *wrong;
	struct addr a;

	wrong = addr_parse(&a, host, 0) ? (addr_fold(&a), cannot_be_reached(&a)) : NULL;
	if (wrong)
		lint_say(lint, LINT_ERROR, LINT_SERVER_ADDRESS, lint_at_server(b, server),
			 "server: %.64s %s: expected the server's own address or name", host,
			 wrong);
}

static void server_twice(const struct lint *lint, const struct backend_conf *b)
{
	const struct server_conf *s = b->servers.at;

	for (size_t i = 1; i < min_of(b->servers.count, (size_t)SERVERS_MAX); i++)
		for (size_t k = 0; k < i; k++)
			if (s[i].port == s[k].port && strcasecmp(s[i].host, s[k].host) == 0) {
				lint_say(
					lint, LINT_WARNING, LINT_SERVER_TWICE,
					lint_at_server(b, &s[i]),
					"server: %.64s stands twice in [backend %s]: the second try would "
					"meet the same machine; name another, or drop it",
					s[i].host, b->section.name);
				break;
			}
}

static void tlv_version(const struct lint *lint, const struct backend_conf *b)
{
	if (b->proxy_tlv && b->send_proxy != PP_V2)
		lint_say(
			lint, LINT_ERROR, LINT_PROXY_TLV_VERSION, lint_at_backend(b, "proxy-tlv"),
			"proxy-tlv: only a v2 header has room for it: write send-proxy = v2 in [backend %s]",
			b->section.name);
}

/* While nothing finds out that the others are down, they are never out of service. */
static void backup_unchecked(const struct lint *lint, const struct backend_conf *b)
{
	const struct server_conf *backup = NULL;
	bool ordinary = false;

	for (size_t i = 0; i < b->servers.count; i++) {
		if (b->servers.at[i].backup)
			backup = backup ? backup : &b->servers.at[i];
		else
			ordinary = true;
	}
	if (backup && ordinary && b->check.kind == CHECK_OFF)
		lint_say(
			lint, LINT_WARNING, LINT_BACKUP_UNCHECKED, lint_at_server(b, backup),
			"server: the backup %.64s gets a flow only when the operator takes the other servers "
			"of [backend %s] out of service: check = off finds nothing down; set check = tcp",
			backup->host, b->section.name);
}

void lint_backend(const struct lint *lint, const struct backend_conf *b)
{
	for (size_t i = 0; i < b->servers.count; i++) {
		bare_name(lint, b, &b->servers.at[i]);
		tailnet_off(lint, b, &b->servers.at[i]);
		server_address(lint, b, &b->servers.at[i]);
	}
	server_twice(lint, b);
	lint_dial(lint, b);
	tlv_version(lint, b);
	backup_unchecked(lint, b);
}

/* Where it is written that a port leads to that one of the server. */
static struct lint_place place_of_port(const struct endpoint *e, const char **key)
{
	if (e->server->port) {
		*key = "server";
		return lint_at_server(e->backend, e->server);
	}
	if (e->route->target.port) {
		*key = e->route->implied ? "backend" : "route";
		return lint_at_route(e->listen, e->route);
	}
	*key = "ports";
	return lint_at_listen(e->listen, "ports");
}

static void say_server_port(const struct lint *lint, enum lint_weight weight,
			    const struct endpoint *e, const char *list)
{
	const char *key;
	struct lint_place place = place_of_port(e, &key);

	lint_say(
		lint, weight, LINT_SERVER_PORT, place,
		"%s: the ports %s of [listen %s] speak different protocols and all lead to port %u of "
		"%.64s: leave that port away, or give each its own (ports = 25>10025 ...)",
		key, list, e->listen->section.name, e->port, e->server->host);
}

/* `e` is the first endpoint of its listener and server; its siblings follow it. True when their
 * protocols differ; that is only certain of assigned ports. */
static bool server_port(const struct lint *lint, const struct endpoint *e, size_t siblings)
{
	enum wire any = WIRE_OTHER, assigned = WIRE_OTHER, w;
	bool differ = false, certain = false;
	char list[128] = "";
	size_t used = 0;

	for (size_t i = 0; e->fixed && i < siblings; i++) {
		w = wire_of(e[i].from);
		if (w == WIRE_OTHER)
			continue;
		differ |= any && w != any;
		any = w;
		if (!wire_is_custom(e[i].from)) {
			certain |= assigned && w != assigned;
			assigned = w;
		}
		if (used < sizeof(list))
			used += (size_t)snprintf(list + used, sizeof(list) - used, "%s%u",
						 used ? ", " : "", e[i].from);
	}
	if (differ)
		say_server_port(lint, certain ? LINT_ERROR : LINT_WARNING, e, list);
	return differ;
}

static void say_port(const struct lint *lint, enum lint_weight weight, enum lint_code code,
		     const struct endpoint *e, const char *text)
{
	const char *key;
	struct lint_place place = place_of_port(e, &key);

	lint_say(lint, weight, code, place, "%s: %u of [listen %s] leads to %u: %s", key, e->from,
		 e->listen->section.name, e->port, text);
}

static void protocol_mismatch(const struct lint *lint, const struct endpoint *e)
{
	enum wire front = wire_of(e->from), back = wire_of(e->port);
	bool custom = wire_is_custom(e->from) || wire_is_custom(e->port);
	enum match_kind spoken = route_protocol(e->route);
	char text[200];

	/* A route that asks for a protocol leads that one, whatever the port. */
	if (spoken == MATCH_HTTP)
		front = WIRE_HTTP;
	if (spoken == MATCH_SSH || (spoken == MATCH_TLS && wire_is_tls(back)))
		return;
	if (front == WIRE_OTHER || back == WIRE_OTHER || front == back)
		return;
	snprintf(
		text, sizeof(text),
		"%s arrives where %s is expected; this edge passes bytes and ends no TLS; lead %u to %u",
		wire_name(front), wire_name(back), e->from, e->from);
	say_port(lint, custom ? LINT_WARNING : LINT_ERROR, LINT_PROTOCOL_MISMATCH, e, text);
}

static void port_25_elsewhere(const struct lint *lint, const struct endpoint *e)
{
	if (e->from == 25 && e->port != 25 &&
	    (wire_of(e->port) == WIRE_SMTP || wire_of(e->port) == WIRE_OTHER))
		say_port(
			lint, LINT_WARNING, LINT_PORT_25_ELSEWHERE, e,
			"Stalwart asks for a login on every port but 25, also strangers with mail; lead "
			"25 to 25, unless the server has a service for mail from outside there");
	if (e->from == 587 && e->port == 25)
		say_port(
			lint, LINT_WARNING, LINT_PORT_25_ELSEWHERE, e,
			"on 25 Stalwart takes everybody for a stranger, also your users; lead 587 to 587");
}

/* True when a listener on `bind` and the port of `at` owns that address. */
static bool owns(const struct addr *bind, const struct addr *at)
{
	struct addr a = *bind;

	addr_set_port(&a, addr_port(at));
	if (addr_equal(&a, at))
		return true;
	return addr_is_any(bind) && bind->sa.sa_family == at->sa.sa_family &&
	       (reach_of_addr(at) == REACH_LOOPBACK || addr_is_any(at));
}

static bool listens_on(const struct listen_conf *l, const struct addr *at)
{
	bool port = false, own = false;

	for (size_t i = 0; !port && i < l->ports.count; i++)
		port = l->ports.at[i].from == addr_port(at);
	for (size_t i = 0; port && !own && i < l->bind.count; i++)
		own = owns(&l->bind.at[i], at);
	return own;
}

static void own_listener(const struct lint *lint, const struct endpoint *e)
{
	char at[ADDR_TEXT];

	if (e->at.sa.sa_family == AF_UNSPEC)
		return;
	for (size_t i = 0; i < lint->config->nlistens; i++) {
		if (!listens_on(&lint->config->listens[i], &e->at))
			continue;
		lint_say(
			lint, LINT_ERROR, LINT_OWN_LISTENER, lint_at_server(e->backend, e->server),
			"server: port %u of [listen %s] leads to %s, where this edge itself listens "
			"([listen %s]): each connection would open the next; lead to another port, or "
			"bind the listener to the public address",
			e->from, e->listen->section.name, addr_format(&e->at, at),
			lint->config->listens[i].section.name);
		return;
	}
}

static bool meet(const struct endpoint *a, const struct endpoint *b)
{
	return a->port == b->port && lint_same_host(a, b);
}

/* Once for each backend that does not agree with one before it. */
static void proxy_disagrees(const struct lint *lint)
{
	bool *said = memory_zeroed(lint->config->nbackends, sizeof(*said));

	for (size_t i = 0; i < lint->nendpoints; i++) {
		const struct endpoint *e = &lint->endpoints[i];
		size_t number = (size_t)(e->backend - lint->config->backends);

		for (size_t k = 0; k < i && !said[number]; k++) {
			const struct endpoint *f = &lint->endpoints[k];

			if (e->backend == f->backend || !meet(e, f) ||
			    lint_is_headerless(lint, e->backend) ==
				    lint_is_headerless(lint, f->backend))
				continue;
			said[number] = true;
			lint_say(
				lint, LINT_ERROR, LINT_PROXY_DISAGREES,
				lint_at_backend(e->backend, "send-proxy"),
				"send-proxy: [backend %s] sends %s to port %u of %.64s, [backend %s] %s: "
				"the port expects it or not; give both the same",
				e->backend->section.name,
				e->backend->send_proxy ? "a PROXY header" : "no PROXY header",
				e->port, e->server->host, f->backend->section.name,
				f->backend->send_proxy ? "sends one" : "sends none");
		}
	}
	free(said);
}

static bool is_web(const struct endpoint *e)
{
	return wire_is_web(wire_of(e->from)) || e->listen->profile == PROFILE_HTTP ||
	       e->listen->profile == PROFILE_HTTPS;
}

static void http_bans_edge(const struct lint *lint, const struct endpoint *e)
{
	const struct endpoint *mail = NULL;

	if (!is_web(e) || !lint_is_headerless(lint, e->backend) ||
	    lint_reach(e->listen) < REACH_PRIVATE)
		return;
	for (size_t i = 0; !mail && i < lint->nendpoints; i++)
		if (wire_is_mail(wire_of(lint->endpoints[i].from)) &&
		    lint_same_host(e, &lint->endpoints[i]))
			mail = &lint->endpoints[i];
	if (!mail)
		return;
	lint_say(
		lint, LINT_WARNING, LINT_HTTP_BANS_EDGE, lint_at_route(e->listen, e->route),
		"%s: [listen %s] leads web clients without a PROXY header to %.64s, which takes "
		"mail, too: Stalwart bans this edge for one scanner's GET, and %s; send and expect the "
		"header there, or allow the edge's address in the server",
		e->route->implied ? "backend" : "route", e->listen->section.name, e->server->host,
		mail->backend->send_proxy ? "the web stops for everybody"
					  : "web and mail stop for everybody");
}

/* Does what is spoken on that port answer the check? Unknown ports may. */
static bool fits(enum check_kind kind, uint16_t port)
{
	enum wire w = wire_of(port);

	if (w == WIRE_OTHER || kind == CHECK_OFF || kind == CHECK_TCP)
		return true;
	if (kind == CHECK_TLS)
		return wire_is_tls(w);
	return w == (kind == CHECK_SMTP ? WIRE_SMTP : WIRE_IMAP);
}

/* Without a port of its own, a check takes the first that leads to the server and fits (edge/checks.c). */
static void check_protocol(const struct lint *lint, const struct backend_conf *b)
{
	enum check_kind kind = (enum check_kind)b->check.kind;
	uint16_t asked = (uint16_t)b->check.port;
	static const char *const remedies[] = { "", "", "check-port = 25, or check = tls",
						"check-port = 143, or check = tls",
						"check-port to a port where TLS begins at once" };

	for (size_t i = 0; !b->check.port && i < lint->nendpoints; i++) {
		const struct endpoint *e = &lint->endpoints[i];

		if (e->backend != b)
			continue;
		if (fits(kind, e->port))
			return;
		asked = asked ? asked : e->port;
	}
	if (fits(kind, asked))
		return;
	lint_say(
		lint, LINT_WARNING, LINT_CHECK_PROTOCOL,
		lint_at_backend(b, b->check.port ? "check-port" : "check"),
		"check: %s of [backend %s] asks port %u, where %s is spoken: the server would count as down; set %s",
		kind == CHECK_SMTP   ? "smtp"
		: kind == CHECK_IMAP ? "imap"
				     : "tls",
		b->section.name, asked, wire_name(wire_of(asked)), remedies[kind]);
}

/* A 421 that no client of the backend would understand. */
static void farewell_unspoken(const struct lint *lint, const struct backend_conf *b)
{
	const struct endpoint *any = NULL;

	if (b->on_down.kind != ON_DOWN_SMTP_421)
		return;
	for (size_t i = 0; i < lint->nendpoints; i++) {
		const struct endpoint *e = &lint->endpoints[i];
		enum profile p = profile_of((enum profile)e->listen->profile, e->from);

		if (e->backend != b)
			continue;
		if (wire_greets_in_smtp(p, e->from) && wire_greets_in_smtp(p, e->port))
			return;
		any = any ? any : e;
	}
	if (any)
		lint_say(
			lint, LINT_WARNING, LINT_FAREWELL_UNSPOKEN, lint_at_backend(b, "on-down"),
			"on-down: smtp-421 of [backend %s]: no port that leads here greets in SMTP (%u of "
			"[listen %s] does not), so clients are reset; use reset or hold, or set profile = smtp",
			b->section.name, any->from, any->listen->section.name);
}

/* Another route of the listener leads there as well. */
static bool was_met(const struct lint *lint, const struct endpoint *e)
{
	for (const struct endpoint *b = e; b > lint->endpoints && b[-1].listen == e->listen; b--)
		if (b[-1].route != e->route && b[-1].server == e->server && b[-1].from == e->from &&
		    b[-1].port == e->port &&
		    route_protocol(b[-1].route) == route_protocol(e->route))
			return true;
	return false;
}

/* Those of the same route and server, from `first` on. */
static size_t count_siblings(const struct lint *lint, size_t first)
{
	const struct endpoint *e = &lint->endpoints[first];
	size_t n = 1;

	while (first + n < lint->nendpoints && e[n].route == e->route && e[n].server == e->server)
		n++;
	return n;
}

void lint_endpoints(const struct lint *lint)
{
	size_t n;

	for (size_t i = 0; i < lint->nendpoints; i += n) {
		const struct endpoint *e = &lint->endpoints[i];
		bool differ;

		n = count_siblings(lint, i);
		differ = server_port(lint, e, n);
		for (size_t k = 0; k < n; k++) {
			if (was_met(lint, &e[k]))
				continue;
			own_listener(lint, &e[k]);
			http_bans_edge(lint, &e[k]);
			if (differ)
				continue;
			protocol_mismatch(lint, &e[k]);
			port_25_elsewhere(lint, &e[k]);
		}
	}
	proxy_disagrees(lint);
	for (size_t i = 0; i < lint->config->nbackends; i++) {
		farewell_unspoken(lint, &lint->config->backends[i]);
		check_protocol(lint, &lint->config->backends[i]);
	}
}
