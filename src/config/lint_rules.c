#include "config/lint_rules.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "config/keys.h"

static const struct {
	uint16_t port;
	enum wire wire;
	bool custom;
} wires[] = {
	{ 25, WIRE_SMTP, false },   { 465, WIRE_SMTPS, false }, { 587, WIRE_SMTP, false },
	{ 2525, WIRE_SMTP, true },  { 143, WIRE_IMAP, false },	{ 993, WIRE_IMAPS, false },
	{ 110, WIRE_POP3, false },  { 995, WIRE_POP3S, false }, { 4190, WIRE_SIEVE, false },
	{ 80, WIRE_HTTP, false },   { 443, WIRE_HTTPS, false }, { 8080, WIRE_HTTP, true },
	{ 8443, WIRE_HTTPS, true },
};

static const char *const names[] = {
	[WIRE_OTHER] = "an unknown protocol",
	[WIRE_SMTP] = "SMTP",
	[WIRE_SMTPS] = "SMTP in TLS",
	[WIRE_IMAP] = "IMAP",
	[WIRE_IMAPS] = "IMAP in TLS",
	[WIRE_POP3] = "POP3",
	[WIRE_POP3S] = "POP3 in TLS",
	[WIRE_SIEVE] = "ManageSieve",
	[WIRE_HTTP] = "HTTP",
	[WIRE_HTTPS] = "HTTPS",
};

enum wire wire_of(uint16_t port)
{
	for (size_t i = 0; i < ARRAY_LEN(wires); i++)
		if (wires[i].port == port)
			return wires[i].wire;
	return WIRE_OTHER;
}

const char *wire_name(enum wire w)
{
	return names[w];
}

bool wire_is_web(enum wire w)
{
	return w == WIRE_HTTP || w == WIRE_HTTPS;
}

bool wire_is_mail(enum wire w)
{
	return w != WIRE_OTHER && !wire_is_web(w);
}

bool wire_greets_in_smtp(enum profile p, uint16_t port)
{
	return p == PROFILE_SMTP && wire_of(port) != WIRE_SMTPS;
}

bool wire_is_custom(uint16_t port)
{
	for (size_t i = 0; i < ARRAY_LEN(wires); i++)
		if (wires[i].port == port)
			return wires[i].custom;
	return true;
}

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
