#include "config/config.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/nearest.h"
#include "config/keys.h"
#include "config/route.h"
#include "config/rules.h"
#include "config/source.h"
#include "config/targets.h"
#include "config/value.h"

/* While a file is built. */
struct build {
	struct config *config;
	struct report *report;
	const struct variables *variables;
	const struct ini_section *defaults;
};

static void free_listen(struct listen_conf *l)
{
	free(l->section.name);
	free(l->ports.at);
	free(l->bind.at);
	free(l->target.name);
	for (size_t i = 0; i < l->routes.count; i++)
		route_finish(&l->routes.at[i]);
	free(l->routes.at);
	free(l->accept_proxy.at);
	free(l->path);
	rules_finish(&l->allow);
	rules_finish(&l->deny);
}

static void free_backend(struct backend_conf *b)
{
	free(b->section.name);
	for (size_t i = 0; i < b->servers.count; i++)
		free(b->servers.at[i].host);
	free(b->servers.at);
	free(b->device);
	free(b->source.at);
	free(b->via.host);
	free(b->via.name);
	free(b->via.user);
	free(b->via.password);
}

static void set_key(struct build *b, const struct key *k, struct section *s, const char *text,
		    int line)
{
	char why[400], *value = variables_expand(b->variables, text, why, sizeof(why));
	const char *expected = value ? k->set(k, (char *)s + k->offset, value) : NULL;

	if (!value)
		report_add(b->report, line, "%s: %s", k->name, why);
	else if (expected && k->secret)
		report_add(b->report, line, "%s: expected %s", k->name, expected);
	else if (expected && strcmp(value, text) != 0)
		/* What a variable holds may be a secret. */
		report_add(b->report, line, "%s: what '%.80s' stands for: expected %s", k->name,
			   text, expected);
	else if (expected)
		report_add(b->report, line, "%s: '%.80s': expected %s", k->name, text, expected);
	else
		key_note_line(k, (char *)s + k->offset, line);
	free(value);
}

static void known_keys(enum section_kind kind, char *out, size_t size)
{
	size_t count, used = 0;
	const struct key *keys = keys_of(kind, &count);

	for (size_t i = 0; i < count && used < size; i++)
		used += (size_t)snprintf(out + used, size - used, " %s", keys[i].name);
}

static void try_keys(struct nearest *n, enum section_kind kind)
{
	size_t count;
	const struct key *keys = keys_of(kind, &count);

	for (size_t i = 0; i < count; i++)
		nearest_try(n, keys[i].name);
}

static void unknown_key(struct build *b, enum section_kind kind, const struct ini_entry *e)
{
	char known[400] = "", meant[NEAREST_TEXT];
	struct nearest n;

	if (kind == SECTION_DEFAULTS)
		snprintf(known, sizeof(known), " those of [listen] and [backend]");
	else
		known_keys(kind, known, sizeof(known));
	nearest_start(&n, e->key);
	for (enum section_kind of = SECTION_GLOBAL; of < SECTION_KINDS; of++)
		if (of == kind || (kind == SECTION_DEFAULTS && of > SECTION_DEFAULTS))
			try_keys(&n, of);
	report_add(b->report, e->line, "unknown key '%s' in [%s]%s; known:%s", e->key,
		   section_word(kind), nearest_text(&n, meant), known);
}

static bool may_come_again(const struct key *k, const struct ini_entry *e)
{
	return k->repeats || (k->continues && e->continued);
}

static void take_entry(struct build *b, enum section_kind kind, struct section *s,
		       const struct ini_entry *e)
{
	char where[LINES_TEXT];
	const struct key *k = key_find(kind, e->key);
	size_t count, row;

	if (!k) {
		unknown_key(b, kind, e);
		return;
	}
	row = (size_t)(k - keys_of(kind, &count));
	if (s->key_line[row] && !may_come_again(k, e))
		report_add(b->report, e->line, "%s stands here twice: first in %s%s", k->name,
			   lines_words(&b->report->lines, s->key_line[row], where),
			   e->continued ? " (an indented line goes on with the key above)" : "");
	else
		set_key(b, k, s, e->value, e->line);
	if (!s->key_line[row])
		s->key_line[row] = e->line;
}

/* Another key says it. */
static bool is_replaced(enum section_kind kind, const struct section *s, const struct key *k)
{
	return k->instead && key_is_given(kind, s, k->instead);
}

/* What the section left open: from [defaults], else from the table. */
static void fill_in(struct build *b, enum section_kind kind, struct section *s)
{
	size_t count;
	const struct key *keys = keys_of(kind, &count);
	bool given;

	for (size_t row = 0; row < count; row++) {
		given = s->key_line[row] != 0;
		for (size_t i = 0; !given && b->defaults && i < b->defaults->count; i++) {
			const struct ini_entry *e = &b->defaults->at[i];

			if (kind == SECTION_GLOBAL || strcmp(e->key, keys[row].name) != 0)
				continue;
			set_key(b, &keys[row], s, e->value, e->line);
			s->key_line[row] = e->line;
		}
		if (s->key_line[row])
			continue;
		if (keys[row].fallback)
			set_key(b, &keys[row], s, keys[row].fallback, s->line);
		else if (keys[row].required && !is_replaced(kind, s, &keys[row]))
			report_add(b->report, s->line, "[%s %s] has no %s: add `%s = %s`",
				   section_word(kind), s->name, keys[row].name, keys[row].name,
				   keys[row].shown);
	}
}

static void build_section(struct build *b, enum section_kind kind, struct section *s,
			  const struct ini_section *from)
{
	for (size_t i = 0; i < from->count; i++)
		take_entry(b, kind, s, &from->at[i]);
	fill_in(b, kind, s);
}

/* Judged even where every section has a value of its own. */
static void try_default(struct build *b, enum section_kind kind, const struct ini_entry *e)
{
	const struct key *k = key_find(kind, e->key);
	struct listen_conf listen = { 0 };
	struct backend_conf backend = { 0 };

	if (!k)
		return;
	set_key(b, k, kind == SECTION_LISTEN ? &listen.section : &backend.section, e->value,
		e->line);
	free_listen(&listen);
	free_backend(&backend);
}

/* It has that key. */
static const struct ini_entry *first_of(const struct ini_section *s, const char *key)
{
	const struct ini_entry *e = s->at;

	while (strcmp(e->key, key) != 0)
		e++;
	return e;
}

/* [defaults] on its own: unknown and repeated keys, wrong values. */
static void check_defaults(struct build *b, const struct ini_section *from)
{
	char where[LINES_TEXT];
	const struct ini_entry *first;
	const struct key *k;

	for (size_t i = 0; i < from->count; i++) {
		const struct ini_entry *e = &from->at[i];

		k = key_find(SECTION_LISTEN, e->key);
		if (!k)
			k = key_find(SECTION_BACKEND, e->key);
		if (!k) {
			unknown_key(b, SECTION_DEFAULTS, e);
			continue;
		}
		first = first_of(from, e->key);
		if (first != e && !may_come_again(k, e))
			report_add(b->report, e->line, "%s stands here twice: first in %s", e->key,
				   lines_words(&b->report->lines, first->line, where));
		try_default(b, SECTION_LISTEN, e);
		try_default(b, SECTION_BACKEND, e);
	}
}

static void unknown_section(struct build *b, const struct ini_section *s, size_t word)
{
	char *name = memory_text(s->name, word), meant[NEAREST_TEXT];
	struct nearest n;

	nearest_start(&n, name);
	for (enum section_kind kind = SECTION_GLOBAL; kind < SECTION_KINDS; kind++)
		nearest_try(&n, section_word(kind));
	report_add(
		b->report, s->line,
		"unknown section [%s]%s; known: [global] [defaults] [listen NAME] [backend NAME]",
		s->name, nearest_text(&n, meant));
	free(name);
}

/* "listen mail" → kind and name. False, with a complaint, for anything else. */
static bool read_heading(struct build *b, const struct ini_section *s, enum section_kind *kind,
			 const char **name)
{
	size_t word = strcspn(s->name, " \t");
	const char *wrong;

	*name = s->name + word + strspn(s->name + word, " \t");
	for (*kind = 0; *kind < SECTION_KINDS; ++*kind)
		if (strlen(section_word(*kind)) == word &&
		    strncmp(section_word(*kind), s->name, word) == 0)
			break;
	if (*kind == SECTION_KINDS) {
		unknown_section(b, s, word);
		return false;
	}
	if (*kind < SECTION_LISTEN && **name) {
		report_add(b->report, s->line, "[%s] takes no name", section_word(*kind));
		return false;
	}
	wrong = *kind >= SECTION_LISTEN ? value_name(*name) : NULL;
	if (wrong)
		report_add(b->report, s->line, "[%s]: expected [%s NAME] with %s", s->name,
			   section_word(*kind), wrong);
	return !wrong;
}

static const struct section *find_section(const struct config *c, enum section_kind kind,
					  const char *name)
{
	for (size_t i = 0; kind == SECTION_LISTEN && i < c->nlistens; i++)
		if (strcmp(c->listens[i].section.name, name) == 0)
			return &c->listens[i].section;
	for (size_t i = 0; kind == SECTION_BACKEND && i < c->nbackends; i++)
		if (strcmp(c->backends[i].section.name, name) == 0)
			return &c->backends[i].section;
	return kind == SECTION_GLOBAL && c->global.section.line ? &c->global.section : NULL;
}

static struct section *add_section(struct config *c, enum section_kind kind)
{
	if (kind == SECTION_LISTEN)
		return &c->listens[c->nlistens++].section;
	if (kind == SECTION_BACKEND)
		return &c->backends[c->nbackends++].section;
	return &c->global.section;
}

static void find_defaults(struct build *b, const struct ini *ini)
{
	char where[LINES_TEXT];

	for (size_t i = 0; i < ini->count; i++) {
		if (strcmp(ini->at[i].name, section_word(SECTION_DEFAULTS)) != 0)
			continue;
		if (b->defaults)
			report_add(b->report, ini->at[i].line,
				   "[defaults] stands here twice: first in %s",
				   lines_words(&b->report->lines, b->defaults->line, where));
		else
			b->defaults = &ini->at[i];
	}
	if (b->defaults)
		check_defaults(b, b->defaults);
}

static void build_all(struct build *b, const struct ini *ini)
{
	char where[LINES_TEXT];
	enum section_kind kind;
	const struct section *twin;
	const char *name;
	struct section *s;

	b->config->listens = memory_zeroed(ini->count, sizeof(*b->config->listens));
	b->config->backends = memory_zeroed(ini->count, sizeof(*b->config->backends));
	find_defaults(b, ini);
	for (size_t i = 0; i < ini->count; i++) {
		if (!read_heading(b, &ini->at[i], &kind, &name) || kind == SECTION_DEFAULTS)
			continue;
		twin = find_section(b->config, kind, name);
		if (twin) {
			report_add(b->report, ini->at[i].line,
				   "[%s] stands here twice: first in %s", ini->at[i].name,
				   lines_words(&b->report->lines, twin->line, where));
			continue;
		}
		s = add_section(b->config, kind);
		s->line = ini->at[i].line;
		if (*name)
			value_replace(&s->name, name);
		build_section(b, kind, s, &ini->at[i]);
	}
	if (!b->config->global.section.line)
		fill_in(b, SECTION_GLOBAL, &b->config->global.section);
}

/* Rules between keys and sections. */
static void check_whole(struct config *c, struct report *report)
{
	if (!c->nlistens)
		report_add(report, 0, "no [listen NAME] section: nothing to listen on");
	targets_resolve(c, report);
}

static struct config *build(const char *file, struct source *s, struct report *report)
{
	struct config *c = memory_zeroed(1, sizeof(*c));
	struct build b = { .config = c, .report = report, .variables = &s->variables };

	value_replace(&c->file, file);
	memcpy(c->hash, s->hash, sizeof(c->hash));
	build_all(&b, &s->ini);
	check_whole(c, report);
	lines_copy(&c->lines, &report->lines);
	source_finish(s);
	return c;
}

struct config *config_parse(const char *file, const char *bytes, size_t len, struct report *report)
{
	struct source s;

	source_read_text(&s, bytes, len, report);
	return build(file, &s, report);
}

struct config *config_load(const char *file, struct report *report)
{
	struct source s;

	return source_read(&s, file, report) ? build(file, &s, report) : NULL;
}

void config_free(struct config *c)
{
	if (!c)
		return;
	for (size_t i = 0; i < c->nlistens; i++)
		free_listen(&c->listens[i]);
	for (size_t i = 0; i < c->nbackends; i++)
		free_backend(&c->backends[i]);
	free(c->global.user);
	free(c->global.control);
	free(c->global.tailscale);
	free(c->global.include);
	free(c->global.paths);
	lines_finish(&c->lines);
	free(c->listens);
	free(c->backends);
	free(c->file);
	free(c);
}
