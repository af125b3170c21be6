#include "config/variables.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bits.h"
#include "base/memory.h"

/* POSIX 8.1: what a name of a variable is made of. */
static size_t name_length(const char *p, const char *end)
{
	const char *at = p;

	while (at < end && (isalpha((unsigned char)*at) || *at == '_' ||
			    (at > p && isdigit((unsigned char)*at))))
		at++;
	return (size_t)(at - p);
}

static const char *skip_blanks(const char *p, const char *end)
{
	while (p < end && (*p == ' ' || *p == '\t'))
		p++;
	return p;
}

/* While the value of one line is taken. */
struct taken {
	char *text; /* as long as the line: what is taken is never longer */
	size_t used;
	const char *wrong;
};

static const char *take_quoted(struct taken *t, const char *p, const char *end)
{
	char quote = *p++;

	for (; p < end && *p != quote; p++) {
		if (quote == '"' && *p == '\\' && p + 1 < end && strchr("n\"\\$", p[1]))
			t->text[t->used++] = *++p == 'n' ? '\n' : *p;
		else
			t->text[t->used++] = *p;
	}
	if (p == end) {
		t->wrong = "a quote that is not closed in its line";
		return p;
	}
	p = skip_blanks(p + 1, end);
	if (p < end && *p != '#')
		t->wrong = "nothing but a comment behind the closing quote";
	return p;
}

static void take_plain(struct taken *t, const char *p, const char *end)
{
	for (; p < end; p++) {
		if (*p == '#' && isspace((unsigned char)p[-1]))
			break;
		t->text[t->used++] = *p;
	}
	while (t->used && isspace((unsigned char)t->text[t->used - 1]))
		t->used--;
}

static void add(struct variables *v, const char *name, size_t name_len, const struct taken *t)
{
	v->at = memory_grow(v->at, v->count, sizeof(*v->at));
	v->at[v->count++] = (struct variable){ .name = memory_text(name, name_len),
					       .value = memory_text(t->text, t->used) };
}

static bool has_nul(const char *p, const char *end)
{
	while (p < end && *p)
		p++;
	return p < end;
}

/* NULL, or what was expected. */
static const char *read_line(struct variables *v, const char *p, const char *end)
{
	struct taken t = { 0 };
	const char *name;
	size_t len;

	p = skip_blanks(p, end);
	if (p == end || *p == '#')
		return NULL;
	if (end - p > 7 && memcmp(p, "export", 6) == 0 && (p[6] == ' ' || p[6] == '\t'))
		p = skip_blanks(p + 6, end);
	name = p;
	len = name_length(p, end);
	p = skip_blanks(p + len, end);
	if (!len || p == end || *p != '=')
		return "NAME=VALUE, where NAME has letters, digits and '_'";
	p = skip_blanks(p + 1, end);
	t.text = memory_zeroed((size_t)(end - p) + 1, 1);
	if (p < end && (*p == '"' || *p == '\''))
		take_quoted(&t, p, end);
	else
		take_plain(&t, p, end);
	if (!t.wrong)
		add(v, name, len, &t);
	free(t.text);
	return t.wrong;
}

void variables_read(struct variables *v, const char *bytes, size_t len, int before,
		    struct report *report)
{
	const char *p = bytes, *last = bytes + len, *end, *next, *wrong;

	if (len >= 3 && memcmp(p, "\xef\xbb\xbf", 3) == 0)
		p += 3;
	for (int line = before + 1; p < last; line++, p = next) {
		end = memchr(p, '\n', (size_t)(last - p));
		next = end ? end + 1 : last;
		end = end ? end : last;
		if (end > p && end[-1] == '\r')
			end--;
		/* Not the line itself: secrets live here. */
		wrong = has_nul(p, end) ? "text, not a NUL byte" : read_line(v, p, end);
		if (wrong)
			report_add(report, line, "expected %s", wrong);
	}
}

/* NULL: it is not set. */
static const char *look_up(const struct variables *v, const char *name)
{
	const char *value = v->lookup ? v->lookup(name) : NULL;

	for (size_t i = v->count; !value && i > 0; i--)
		if (strcmp(v->at[i - 1].name, name) == 0)
			value = v->at[i - 1].value;
	return value;
}

struct expansion {
	const struct variables *v;
	char *out;
	size_t used;
	char *why;
	size_t size;
};

static bool put(struct expansion *x, const char *bytes, size_t len)
{
	if (x->used + len > VARIABLES_VALUE_MAX) {
		snprintf(x->why, x->size, "the value is longer than %d characters",
			 VARIABLES_VALUE_MAX);
		return false;
	}
	memcpy(x->out + x->used, bytes, len);
	x->used += len;
	return true;
}

static bool put_variable(struct expansion *x, const char *name, size_t len, const char *fallback,
			 size_t fallback_len)
{
	char *copy = memory_text(name, len);
	const char *value = look_up(x->v, copy);
	bool ok;

	if (fallback && (!value || !*value))
		ok = put(x, fallback, fallback_len);
	else if (value)
		ok = put(x, value, strlen(value));
	else
		ok = false;
	if (!value && !fallback)
		snprintf(
			x->why, x->size,
			"${%.60s} is not set: set it in the environment or in .env beside the file, or "
			"give a default, ${%.60s:-TEXT}",
			copy, copy);
	free(copy);
	return ok;
}

/* p is behind "${". What follows "}", or NULL. */
static const char *take_variable(struct expansion *x, const char *p)
{
	const char *close = strchr(p, '}'), *fallback = NULL;
	size_t len = close ? name_length(p, close) : 0;

	if (!len || (p + len != close && strncmp(p + len, ":-", 2) != 0)) {
		snprintf(x->why, x->size,
			 "expected ${NAME} or ${NAME:-TEXT}, not '${%.40s' (a dollar is $$)", p);
		return NULL;
	}
	if (p + len != close)
		fallback = p + len + 2;
	return put_variable(x, p, len, fallback, fallback ? (size_t)(close - fallback) : 0)
		       ? close + 1
		       : NULL;
}

char *variables_expand(const struct variables *v, const char *text, char *why, size_t size)
{
	struct expansion x = { .v = v, .why = why, .size = size };

	x.out = memory_zeroed(VARIABLES_VALUE_MAX + 1, 1);
	for (const char *p = text; p && *p;) {
		size_t len = strcspn(p, "$");

		if (len)
			p = put(&x, p, len) ? p + len : NULL;
		else if (p[1] == '$')
			p = put(&x, "$", 1) ? p + 2 : NULL;
		else if (p[1] == '{')
			p = take_variable(&x, p + 2);
		else {
			snprintf(why, size,
				 "a lone '$' in '%.60s': a dollar is $$, a variable ${NAME}", text);
			p = NULL;
		}
		if (!p) {
			free(x.out);
			return NULL;
		}
	}
	return x.out;
}

void variables_finish(struct variables *v)
{
	for (size_t i = 0; i < v->count; i++) {
		free(v->at[i].name);
		free(v->at[i].value);
	}
	free(v->at);
	v->at = NULL;
	v->count = 0;
}
