#include "config/lint_rules.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "config/keys.h"

static struct lint_place place_of(enum section_kind kind, const struct section *s, const char *key)
{
	return (struct lint_place){ .section = s, .line = key_line(kind, s, key) };
}

struct lint_place lint_at_global(const struct global_conf *g, const char *key)
{
	return place_of(SECTION_GLOBAL, &g->section, key);
}

struct lint_place lint_at_listen(const struct listen_conf *l, const char *key)
{
	return place_of(SECTION_LISTEN, &l->section, key);
}

struct lint_place lint_at_route(const struct listen_conf *l, const struct route_conf *r)
{
	return (struct lint_place){ .section = &l->section, .line = r->line };
}

struct lint_place lint_at_backend(const struct backend_conf *b, const char *key)
{
	return place_of(SECTION_BACKEND, &b->section, key);
}

struct lint_place lint_at_server(const struct backend_conf *b, const struct server_conf *server)
{
	return (struct lint_place){ .section = &b->section, .line = server->line };
}

void lint_say(const struct lint *lint, enum lint_weight weight, enum lint_code code,
	      struct lint_place place, const char *fmt, ...)
{
	char text[1024];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	report_lint(lint->report, place.line, weight == LINT_WARNING, lint_story(code)->code, "%s",
		    text);
}

static bool was_refused(const struct lint *lint, struct lint_place place)
{
	const struct report *r = lint->report;

	for (size_t i = 0; place.line != place.section->line && i < r->count; i++)
		if (r->at[i].line == place.line && !r->at[i].warning && !r->at[i].code)
			return true;
	return false;
}

bool lint_is_headerless(const struct lint *lint, const struct backend_conf *b)
{
	return b->send_proxy == PP_OFF && !was_refused(lint, lint_at_backend(b, "send-proxy"));
}

enum reach lint_reach(const struct listen_conf *l)
{
	enum reach most = REACH_LOOPBACK, one;

	for (size_t i = 0; i < l->bind.count; i++) {
		one = reach_of_addr(&l->bind.at[i]);
		most = max_of(most, one);
	}
	return most;
}

bool lint_same_host(const struct endpoint *a, const struct endpoint *b)
{
	struct addr x = a->at, y = b->at;

	if (x.sa.sa_family != AF_UNSPEC && y.sa.sa_family != AF_UNSPEC) {
		addr_set_port(&x, 0);
		addr_set_port(&y, 0);
		return addr_equal(&x, &y);
	}
	return strcasecmp(a->server->host, b->server->host) == 0;
}
