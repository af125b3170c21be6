/* The key table: every row can be written as it is documented. */
#include "config/keys.h"

#include <stdlib.h>

#include "check.h"
#include "config/route.h"
#include "config/rules.h"
#include "support/configs.h"

static const enum section_kind kinds[] = { SECTION_GLOBAL, SECTION_LISTEN, SECTION_BACKEND };

static void free_section(enum section_kind kind, void *section)
{
	struct listen_conf *l = section;
	struct backend_conf *b = section;
	struct global_conf *g = section;

	if (kind == SECTION_LISTEN) {
		free(l->ports.at);
		free(l->bind.at);
		free(l->target.name);
		free(l->path);
		free(l->accept_proxy.at);
		for (size_t i = 0; i < l->routes.count; i++)
			route_finish(&l->routes.at[i]);
		free(l->routes.at);
		rules_finish(&l->allow);
		rules_finish(&l->deny);
	} else if (kind == SECTION_BACKEND) {
		for (size_t i = 0; i < b->servers.count; i++)
			free(b->servers.at[i].host);
		free(b->servers.at);
		free(b->device);
		free(b->source.at);
		free(b->via.host);
		free(b->via.user);
		free(b->via.password);
	} else if (kind == SECTION_GLOBAL) {
		free(g->user);
		free(g->control);
		free(g->include);
		free(g->paths);
		free(g->tailscale);
	}
}

static void check_row(enum section_kind kind, const struct key *k)
{
	union {
		struct global_conf global;
		struct listen_conf listen;
		struct backend_conf backend;
	} section = { 0 };
	const char *value = k->fallback ? k->fallback : k->shown, *wrong;

	cr_expect(k->help && k->help[0] && k->help[strlen(k->help) - 1] == '.', "%s: help",
		  k->name);
	cr_expect(key_find(kind, k->name) == k, "%s: is found, and once", k->name);
	cr_assert(value, "%s: has a fallback or an example", k->name);
	cr_expect(!k->required || !k->fallback, "%s: required, and has a fallback", k->name);
	if (strcmp(value, "by profile") == 0)
		return;
	wrong = k->set(k, (char *)&section + k->offset, value);
	cr_expect(!wrong, "%s = %s: expected %s", k->name, value, wrong);
	free_section(kind, &section);
}

Test(keys, every_row)
{
	size_t count;

	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		const struct key *keys = keys_of(kinds[i], &count);

		cr_expect(count > 0 && count <= SECTION_KEYS_MAX, "[%s]", section_word(kinds[i]));
		for (size_t k = 0; k < count; k++)
			check_row(kinds[i], &keys[k]);
	}
}

Test(keys, words_are_in_the_order_of_their_enums)
{
	static const struct {
		enum section_kind kind;
		const char *key, *word;
		unsigned value;
	} rows[] = {
		{ SECTION_GLOBAL, "log", "logfmt", LINE_LOGFMT },
		{ SECTION_GLOBAL, "log", "json", LINE_JSON },
		{ SECTION_GLOBAL, "log-level", "error", LOG_ERROR },
		{ SECTION_GLOBAL, "log-level", "warn", LOG_WARN },
		{ SECTION_GLOBAL, "log-level", "info", LOG_INFO },
		{ SECTION_GLOBAL, "log-level", "debug", LOG_DEBUG },
		{ SECTION_LISTEN, "profile", "auto", PROFILE_AUTO },
		{ SECTION_LISTEN, "profile", "smtp", PROFILE_SMTP },
		{ SECTION_LISTEN, "profile", "imap", PROFILE_IMAP },
		{ SECTION_LISTEN, "profile", "http", PROFILE_HTTP },
		{ SECTION_LISTEN, "profile", "https", PROFILE_HTTPS },
		{ SECTION_LISTEN, "profile", "raw", PROFILE_RAW },
		{ SECTION_BACKEND, "send-proxy", "off", PP_OFF },
		{ SECTION_BACKEND, "send-proxy", "v1", PP_V1 },
		{ SECTION_BACKEND, "send-proxy", "v2", PP_V2 },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const struct key *k = key_find(rows[i].kind, rows[i].key);
		unsigned value = 99;

		cr_assert(k, "%s", rows[i].key);
		cr_expect(!k->set(k, &value, rows[i].word), "%s", rows[i].word);
		expect_num(value, rows[i].value, rows[i].word);
	}
}

Test(keys, unknown)
{
	size_t count = 7;

	cr_expect(!key_find(SECTION_GLOBAL, "ports"));
	cr_expect(!key_find(SECTION_LISTEN, ""));
	cr_expect(!key_find(SECTION_DEFAULTS, "idle"));
	cr_expect(!keys_of(SECTION_DEFAULTS, &count) && count == 0,
		  "[defaults] has none of its own");
	expect_str(section_word(SECTION_GLOBAL), "global", "word");
	expect_str(section_word(SECTION_DEFAULTS), "defaults", "word");
	expect_str(section_word(SECTION_LISTEN), "listen", "word");
	expect_str(section_word(SECTION_BACKEND), "backend", "word");
}

Test(keys, lines)
{
	struct config *c =
		config_of("\n[listen a]\nports = 25\n\nbackend = b\n[defaults]\nidle = 1m\n"
			  "[backend b]\nserver = 192.0.2.1\n");
	const struct section *s = &c->listens[0].section;

	expect_num(key_line(SECTION_LISTEN, s, "ports"), 3, "its own");
	expect_num(key_line(SECTION_LISTEN, s, "backend"), 5, "its own");
	expect_num(key_line(SECTION_LISTEN, s, "idle"), 7, "of [defaults]");
	expect_num(key_line(SECTION_LISTEN, s, "path"), 2, "not given: the section's");
	expect_num(key_line(SECTION_LISTEN, s, "nonsense"), 2, "not known: the section's");
	config_free(c);
}
