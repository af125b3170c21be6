#include "edge/ladder.h"

#include <stdio.h>
#include <string.h>

#include "base/nearest.h"
#include "config/keys.h"
#include "config/value.h"
#include "relay/auto.h"
#include "relay/copy.h"
#include "relay/paths.h"
#include "relay/splice.h"

/* Their names, `first` and those after it. */
static char *names(const struct path *const *first, char *out, size_t size)
{
	size_t used = 0;

	*out = '\0';
	for (; *first && used < size; first++)
		used += (size_t)snprintf(out + used, size - used, " %s", (*first)->name);
	return out;
}

static int line_of(const struct config *c)
{
	return key_line(SECTION_GLOBAL, &c->global.section, "paths");
}

static unsigned bit_of(const struct path *path)
{
	unsigned i = 0;

	while (paths[i] != path)
		i++;
	return BIT(i);
}

/* The list while it is read. */
struct reading {
	const struct config *config;
	struct report *report;
	unsigned allowed;
};

/* `auto` is no path of its own. Each wrong word is a complaint. */
static const char *read_word(void *arg, const char *word)
{
	struct reading *r = arg;
	const struct path *path = path_find(word);
	char known[128], meant[NEAREST_TEXT];
	struct nearest n;

	if (path && path != &path_auto) {
		r->allowed |= bit_of(path);
		return NULL;
	}
	nearest_start(&n, word);
	for (const struct path *const *p = paths + 1; *p; p++)
		nearest_try(&n, (*p)->name);
	report_add(r->report, line_of(r->config), "paths: '%.63s': expected some of%s%s", word,
		   names(paths + 1, known, sizeof(known)), nearest_text(&n, meant));
	return NULL;
}

bool ladder_read(const struct config *c, struct report *report, unsigned *allowed)
{
	struct reading r = { .config = c, .report = report };
	size_t before = report->errors;
	const char *wrong = NULL;

	if (c->global.paths)
		wrong = value_each_word(c->global.paths, &r, read_word);
	if (wrong)
		report_add(report, line_of(c), "paths: expected %s", wrong);
	*allowed = c->global.paths ? r.allowed : ~0u;
	return report->errors == before;
}

static const struct path *choose(unsigned allowed)
{
	bool copy = allowed & bit_of(&path_copy), splice = allowed & bit_of(&path_splice);

	if (copy && splice)
		return &path_auto;
	return copy ? &path_copy : splice ? &path_splice : NULL;
}

static void not_allowed(const struct config *c, const struct listen_conf *l, struct report *report)
{
	char where[LINES_TEXT];

	report_add(report, key_line(SECTION_LISTEN, &l->section, "path"),
		   "path: %s of [listen %s] may not be used: paths = %.100s in %s%s", l->path,
		   l->section.name, c->global.paths, lines_words(&report->lines, line_of(c), where),
		   path_find(l->path) == &path_auto
			   ? " leaves neither copy nor splice to choose from"
			   : " leaves it out");
}

const struct path *ladder_path(const struct config *c, unsigned allowed,
			       const struct listen_conf *l, struct report *report)
{
	const struct path *p = path_find(l->path);
	char known[128];

	if (!p) {
		report_add(report, key_line(SECTION_LISTEN, &l->section, "path"),
			   "path: '%.40s': expected one of%s", l->path,
			   names(paths, known, sizeof(known)));
		return NULL;
	}
	if (p == &path_auto)
		p = choose(allowed);
	else if (!(allowed & bit_of(p)))
		p = NULL;
	if (!p)
		not_allowed(c, l, report);
	return p;
}
