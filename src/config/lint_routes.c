#include "config/lint_routes.h"

#include "config/keys.h"
#include "config/profile.h"
#include "config/route.h"

/* The first port on which the server speaks first; 0: none. */
static uint16_t server_first(const struct listen_conf *l)
{
	for (size_t i = 0; i < l->ports.count; i++) {
		uint16_t port = l->ports.at[i].from;

		if (wire_first(profile_of((enum profile)l->profile, port), port) ==
		    WIRE_SERVER_FIRST)
			return port;
	}
	return 0;
}

static void waits_for_the_client(const struct lint *lint, const struct listen_conf *l)
{
	static const char why[] =
		"the server speaks first, so both would wait for ever: take it off that port";
	uint16_t port = server_first(l);
	char text[ROUTE_TEXT];

	if (!port)
		return;
	for (size_t i = 0; i < l->routes.count; i++)
		if (route_needs_bytes(&l->routes.at[i]))
			lint_say(
				lint, LINT_ERROR, LINT_ROUTE_SERVER_FIRST,
				lint_at_route(l, &l->routes.at[i]),
				"route: %.200s needs the client's first bytes, but on port %u of [listen %s] %s",
				route_format(&l->routes.at[i], text), port, l->section.name, why);
	if (l->expect)
		lint_say(lint, LINT_ERROR, LINT_ROUTE_SERVER_FIRST, lint_at_listen(l, "expect"),
			 "expect: needs the client's first bytes, but on port %u of [listen %s] %s",
			 port, l->section.name, why);
	if (l->first_byte && l->first_byte != FIRST_BYTE_AUTO)
		lint_say(lint, LINT_ERROR, LINT_ROUTE_SERVER_FIRST, lint_at_listen(l, "first-byte"),
			 "first-byte: waits for the client, but on port %u of [listen %s] %s", port,
			 l->section.name, why);
}

static void unreachable(const struct lint *lint, const struct listen_conf *l,
			const struct route_conf *r)
{
	const char *key = r->implied ? "backend" : "route";
	char text[ROUTE_TEXT], earlier[ROUTE_TEXT], where[LINES_TEXT];

	if (route_is_impossible(r)) {
		lint_say(lint, LINT_ERROR, LINT_ROUTE_UNREACHABLE, lint_at_route(l, r),
			 "route: %.200s fits no client: drop one of these", route_format(r, text));
		return;
	}
	for (const struct route_conf *before = l->routes.at; before < r; before++) {
		if (!route_covers(before, r))
			continue;
		lint_say(
			lint, LINT_ERROR, LINT_ROUTE_UNREACHABLE, lint_at_route(l, r),
			"%s: no client gets here: whoever fits %.200s fits %.200s in %s, which comes first",
			key, route_format(r, text), route_format(before, earlier),
			lines_words(&lint->report->lines, before->line, where));
		return;
	}
}

static void no_any(const struct lint *lint, const struct listen_conf *l)
{
	const struct route_conf any = { .at = &(struct match){ .kind = MATCH_ANY }, .count = 1 };

	for (size_t i = 0; i < l->routes.count; i++)
		if (route_covers(&l->routes.at[i], &any))
			return;
	if (l->routes.count && !key_is_given(SECTION_LISTEN, &l->section, "backend"))
		lint_say(
			lint, LINT_WARNING, LINT_ROUTE_NO_ANY, lint_at_listen(l, "route"),
			"route: clients of [listen %s] that fit none are reset: add `route = any -> NAME` "
			"as the last, if they are to go somewhere",
			l->section.name);
}

static void accepts_all(const struct lint *lint, const struct listen_conf *l)
{
	for (size_t i = 0; i < l->accept_proxy.count; i++)
		if (!l->accept_proxy.at[i].bits && lint_reach(l) == REACH_PUBLIC)
			lint_say(
				lint, LINT_WARNING, LINT_ACCEPT_PROXY_ALL,
				lint_at_listen(l, "accept-proxy"),
				"accept-proxy: anybody may tell [listen %s] who he is, and the server believes "
				"it: name the proxies that do",
				l->section.name);
}

void lint_routes(const struct lint *lint, const struct listen_conf *l)
{
	waits_for_the_client(lint, l);
	for (size_t i = 0; i < l->routes.count; i++)
		unreachable(lint, l, &l->routes.at[i]);
	no_any(lint, l);
	accepts_all(lint, l);
}
