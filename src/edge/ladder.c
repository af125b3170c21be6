#include "edge/ladder.h"

#include <stdio.h>
#include <string.h>

#include "base/nearest.h"
#include "config/keys.h"
#include "relay/auto.h"
#include "relay/copy.h"
#include "relay/paths.h"
#include "relay/splice.h"

#define SEPARATORS " \t,"

/* Their names, `first` and those after it. */
static char *names(const struct path *const *first, char *out, size_t size)
{
	size_t used = 0;

	*out = '\0';
	for (; *first && used < size; first++)
		used += (size_t)snprintf(out + used, size - used, " %s", (*first)->name);
	return out;
}

/* The next of the list; 0: there is none. */
static size_t take_word(const char **list, const char **word)
{
	size_t len;

	*word = *list + strspn(*list, SEPARATORS);
	len = strcspn(*word, SEPARATORS);
	*list = *word + len;
	return len;
}

static int line_of(const struct config *c)
{
	return key_line(SECTION_GLOBAL, &c->global.section, "paths");
}

/* `auto` is no path of its own. */
static void judge(const struct config *c, const char *word, size_t len, struct report *report)
{
	char text[64], known[128], meant[NEAREST_TEXT];
	struct nearest n;

	snprintf(text, sizeof(text), "%.*s", (int)len, word);
	if (path_find(text) && path_find(text) != &path_auto)
		return;
	nearest_start(&n, text);
	for (const struct path *const *p = paths + 1; *p; p++)
		nearest_try(&n, (*p)->name);
	report_add(report, line_of(c), "paths: '%s': expected some of%s%s", text,
		   names(paths + 1, known, sizeof(known)), nearest_text(&n, meant));
}

bool ladder_check(const struct config *c, struct report *report)
{
	const char *list = c->global.paths ? c->global.paths : "", *word;
	size_t before = report->errors, len;

	while ((len = take_word(&list, &word)))
		judge(c, word, len, report);
	return report->errors == before;
}

static bool allows(const struct config *c, const struct path *path)
{
	const char *list = c->global.paths, *word;
	size_t len;

	if (!list)
		return true;
	while ((len = take_word(&list, &word)))
		if (strlen(path->name) == len && strncmp(word, path->name, len) == 0)
			return true;
	return false;
}

static const struct path *choose(const struct config *c)
{
	bool copy = allows(c, &path_copy), splice = allows(c, &path_splice);

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

const struct path *ladder_path(const struct config *c, const struct listen_conf *l,
			       struct report *report)
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
		p = choose(c);
	else if (!allows(c, p))
		p = NULL;
	if (!p)
		not_allowed(c, l, report);
	return p;
}
