#include "config/config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/memory.h"
#include "config/ini.h"
#include "config/keys.h"
#include "config/value.h"

/* While a file is built. */
struct build {
	struct config *config;
	struct report *report;
	const struct ini_section *defaults;
};

static void free_listen(struct listen_conf *l)
{
	free(l->section.name);
	free(l->ports.at);
	free(l->bind.at);
	free(l->target.name);
	free(l->path);
}

static void free_backend(struct backend_conf *b)
{
	free(b->section.name);
	for (size_t i = 0; i < b->servers.count; i++)
		free(b->servers.at[i].host);
	free(b->servers.at);
}

static void set_key(struct build *b, const struct key *k, struct section *s, const char *text,
		    int line)
{
	const char *expected = k->set(k, (char *)s + k->offset, text);

	if (expected)
		report_add(b->report, line, "%s: '%.80s': expected %s", k->name, text, expected);
	else
		key_note_line(k, (char *)s + k->offset, line);
}

static void known_keys(enum section_kind kind, char *out, size_t size)
{
	size_t count, used = 0;
	const struct key *keys = keys_of(kind, &count);

	for (size_t i = 0; i < count && used < size; i++)
		used += (size_t)snprintf(out + used, size - used, " %s", keys[i].name);
}

static void unknown_key(struct build *b, enum section_kind kind, const struct ini_entry *e)
{
	char known[400] = "";

	if (kind == SECTION_DEFAULTS)
		snprintf(known, sizeof(known), " those of [listen] and [backend]");
	else
		known_keys(kind, known, sizeof(known));
	report_add(b->report, e->line, "unknown key '%s' in [%s]; known:%s", e->key,
		   section_word(kind), known);
}

static bool may_come_again(const struct key *k, const struct ini_entry *e)
{
	return k->repeats || (k->continues && e->continued);
}

static void take_entry(struct build *b, enum section_kind kind, struct section *s,
		       const struct ini_entry *e)
{
	const struct key *k = key_find(kind, e->key);
	size_t count, row;

	if (!k) {
		unknown_key(b, kind, e);
		return;
	}
	row = (size_t)(k - keys_of(kind, &count));
	if (s->key_line[row] && !may_come_again(k, e))
		report_add(b->report, e->line, "%s stands here twice: first in line %d%s", k->name,
			   s->key_line[row],
			   e->continued ? " (an indented line goes on with the key above)" : "");
	else
		set_key(b, k, s, e->value, e->line);
	if (!s->key_line[row])
		s->key_line[row] = e->line;
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
		else if (keys[row].required)
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

/* [defaults] on its own: unknown and repeated keys, wrong values. */
static void check_defaults(struct build *b, const struct ini_section *from)
{
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
		for (size_t j = 0; j < i && !may_come_again(k, e); j++)
			if (strcmp(from->at[j].key, e->key) == 0)
				report_add(b->report, e->line,
					   "%s stands here twice: first in line %d", e->key,
					   from->at[j].line);
		try_default(b, SECTION_LISTEN, e);
		try_default(b, SECTION_BACKEND, e);
	}
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
		report_add(
			b->report, s->line,
			"unknown section [%s]; known: [global] [defaults] [listen NAME] [backend NAME]",
			s->name);
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
	for (size_t i = 0; i < ini->count; i++) {
		if (strcmp(ini->at[i].name, section_word(SECTION_DEFAULTS)) != 0)
			continue;
		if (b->defaults)
			report_add(b->report, ini->at[i].line,
				   "[defaults] stands here twice: first in line %d",
				   b->defaults->line);
		else
			b->defaults = &ini->at[i];
	}
	if (b->defaults)
		check_defaults(b, b->defaults);
}

static void build_all(struct build *b, const struct ini *ini)
{
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
				   "[%s] stands here twice: first in line %d", ini->at[i].name,
				   twin->line);
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
		if (c->listens[i].backend == b)
			return true;
	return false;
}

/* Rules between keys and sections. */
static void check_whole(struct config *c, struct report *report)
{
	if (!c->nlistens)
		report_add(report, 0, "no [listen NAME] section: nothing to listen on");
	for (size_t i = 0; i < c->nlistens; i++) {
		struct listen_conf *l = &c->listens[i];

		if (!l->target.name)
			continue;
		l->backend = find_backend(c, l->target.name);
		if (!l->backend)
			report_add(report, key_line(SECTION_LISTEN, &l->section, "backend"),
				   "backend: there is no [backend %s]", l->target.name);
	}
	for (size_t i = 0; i < c->nbackends; i++)
		if (!is_reached(c, &c->backends[i]))
			report_add(report, c->backends[i].section.line,
				   "[backend %s]: no listener leads to it",
				   c->backends[i].section.name);
}

struct config *config_parse(const char *file, const char *bytes, size_t len, struct report *report)
{
	struct config *c = memory_zeroed(1, sizeof(*c));
	struct build b = { .config = c, .report = report };
	struct ini ini;

	value_replace(&c->file, file);
	ini_read(&ini, bytes, len, report);
	build_all(&b, &ini);
	check_whole(c, report);
	ini_free(&ini);
	return c;
}

/* NULL with a complaint; else bytes to be freed. */
static char *read_file(const char *file, size_t *len, struct report *report)
{
	int fd = open(file, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	struct stat st;
	char *bytes;
	ssize_t n = 1;

	if (fd < 0 || fstat(fd, &st) < 0) {
		report_add(report, 0, "cannot be read: %s", strerror(errno));
		return NULL;
	}
	if (S_ISDIR(st.st_mode) || st.st_size > CONFIG_SIZE_MAX) {
		report_add(report, 0,
			   S_ISDIR(st.st_mode) ? "is a directory: name a file"
					       : "is larger than 4 MiB: not a configuration");
		close(fd);
		return NULL;
	}
	bytes = memory_zeroed(CONFIG_SIZE_MAX, 1);
	for (*len = 0; n > 0 && *len < CONFIG_SIZE_MAX; *len += (size_t)max_of(n, 0))
		n = read(fd, bytes + *len, CONFIG_SIZE_MAX - *len);
	if (n < 0) {
		report_add(report, 0, "cannot be read: %s", strerror(errno));
		free(bytes);
		bytes = NULL;
	}
	close(fd);
	return bytes;
}

struct config *config_load(const char *file, struct report *report)
{
	struct config *c = NULL;
	size_t len;
	char *bytes = read_file(file, &len, report);

	if (bytes)
		c = config_parse(file, bytes, len, report);
	free(bytes);
	return c;
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
	free(c->listens);
	free(c->backends);
	free(c->file);
	free(c);
}
