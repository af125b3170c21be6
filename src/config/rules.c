#include "config/rules.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "config/value.h"

#define FILE_PREFIX "file:"

const char *const dismissal_words[] = {
	[DISMISS_RESET] = "reset", [DISMISS_DROP] = "drop", [DISMISS_TARPIT] = "tarpit", NULL
};

static const char *explain(int err, const char *word, const struct net *meant)
{
	static _Thread_local char text[NETLIST_TEXT];
	char net[NET_TEXT];

	if (err == -EDOM)
		snprintf(text, sizeof(text), "%s instead of %.48s: bits are set that do not count",
			 net_format(meant, net), word);
	else
		snprintf(text, sizeof(text),
			 "networks like 192.0.2.0/24 or 2001:db8::/32, or file:PATH, not '%.48s'",
			 word);
	return text;
}

/* While one value is read. */
struct reading {
	struct rules *out;
	bool may_say_how, has_how, any;
	enum dismissal how;
};

static bool is_how(struct reading *r, const char *word)
{
	for (enum dismissal how = DISMISS_RESET; dismissal_words[how]; how++) {
		if (strcmp(word, dismissal_words[how]) != 0)
			continue;
		r->has_how = true;
		r->how = how;
		return true;
	}
	return false;
}

static const char *add_word(void *reading, const char *word)
{
	struct reading *r = reading;
	struct rule rule = { 0 };
	int err;

	if (r->may_say_how && !r->any && !r->has_how && is_how(r, word))
		return NULL;
	rule.has_how = r->has_how;
	rule.how = (uint8_t)r->how;
	if (strncmp(word, FILE_PREFIX, strlen(FILE_PREFIX)) == 0) {
		word += strlen(FILE_PREFIX);
		if (!*word)
			return "a path behind file:";
		rule.file = memory_text(word, strlen(word));
	} else {
		err = net_parse(&rule.net, word);
		if (err)
			return explain(err, word, &rule.net);
	}
	r->any = true;
	r->out->at = memory_grow(r->out->at, r->out->count, sizeof(*r->out->at));
	r->out->at[r->out->count++] = rule;
	return NULL;
}

const char *rules_parse(const char *text, bool may_say_how, struct rules *out)
{
	struct reading r = { .out = out, .may_say_how = may_say_how };
	size_t before = out->count;
	const char *wrong = value_each_word(text, &r, add_word);

	if (!wrong && !r.any)
		wrong = "networks or file:PATH behind that word";
	while (wrong && out->count > before)
		free(out->at[--out->count].file);
	return wrong;
}

void rules_note_line(struct rules *r, int line)
{
	for (size_t i = r->count; i > 0 && !r->at[i - 1].line; i--)
		r->at[i - 1].line = line;
}

void rules_finish(struct rules *r)
{
	for (size_t i = 0; i < r->count; i++)
		free(r->at[i].file);
	free(r->at);
	*r = (struct rules){ 0 };
}

void netlist_start(struct netlist *l, const char *bytes, size_t len)
{
	*l = (struct netlist){ .at = bytes, .end = bytes + len };
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

/* A line without comment and blanks around it. */
static size_t next_line(struct netlist *l, const char **start)
{
	const char *newline = memchr(l->at, '\n', (size_t)(l->end - l->at));
	const char *end = newline ? newline : l->end, *p = l->at;

	l->at = newline ? newline + 1 : l->end;
	l->line++;
	while (p < end && is_blank(*p))
		p++;
	*start = p;
	while (p < end && *p != '#' && *p != ';')
		p++;
	while (p > *start && is_blank(p[-1]))
		p--;
	return (size_t)(p - *start);
}

/* As in a message: what cannot be shown is a question mark. */
static void copy_shown(char *to, size_t size, const char *from, size_t len)
{
	size_t n = min_of(len, size - 1);

	for (size_t i = 0; i < n; i++)
		to[i] = (char)(from[i] >= ' ' && from[i] <= '~' ? from[i] : '?');
	to[n] = '\0';
}

int netlist_next(struct netlist *l, struct net *out, char wrong[static NETLIST_TEXT])
{
	char word[NET_TEXT], net[NET_TEXT];
	const char *start;
	size_t len = 0;
	int err;

	while (len == 0 && l->at < l->end)
		len = next_line(l, &start);
	if (len == 0)
		return 0;
	copy_shown(word, sizeof(word), start, len);
	err = len < sizeof(word) ? net_parse(out, word) : -EINVAL;
	if (err == -EDOM)
		snprintf(wrong, NETLIST_TEXT,
			 "'%.48s': bits are set that do not count: expected %s", word,
			 net_format(out, net));
	else if (err)
		snprintf(wrong, NETLIST_TEXT,
			 "'%.48s': expected a network like 192.0.2.0/24 or 2001:db8::/32", word);
	return err ? -1 : 1;
}
