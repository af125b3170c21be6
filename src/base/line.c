#include "base/line.h"

#include <stdio.h>
#include <string.h>

/* Kept free for line_finish(): "}\n". */
#define TAIL_ROOM 2

struct cursor {
	char *at, *end;
	bool full;
};

static void put(struct cursor *c, const char *bytes, size_t n)
{
	if ((size_t)(c->end - c->at) < n) {
		c->full = true;
		return;
	}
	memcpy(c->at, bytes, n);
	c->at += n;
}

static void put_text(struct cursor *c, const char *text)
{
	put(c, text, strlen(text));
}

/* Both formats quote alike: JSON's rules (RFC 8259 section 7), which logfmt readers accept. Bytes
 * that are not ASCII too, since nothing here vouches for their being whole UTF-8. */
static void put_quoted(struct cursor *c, const char *value)
{
	char escape[8];

	put(c, "\"", 1);
	for (const unsigned char *p = (const unsigned char *)value; *p; p++) {
		if (*p == '"' || *p == '\\') {
			put(c, "\\", 1);
			put(c, (const char *)p, 1);
		} else if (*p < 0x20 || *p >= 0x7f) {
			put(c, escape, (size_t)snprintf(escape, sizeof(escape), "\\u%04x", *p));
		} else {
			put(c, (const char *)p, 1);
		}
	}
	put(c, "\"", 1);
}

static bool is_bare(const char *value)
{
	if (!*value)
		return false;
	for (const unsigned char *p = (const unsigned char *)value; *p; p++)
		if (*p <= ' ' || *p == '"' || *p == '=' || *p == '\\' || *p >= 0x7f)
			return false;
	return true;
}

static struct cursor field_start(struct line *l, const char *key)
{
	struct cursor c = { .at = l->text + l->used, .end = l->text + sizeof(l->text) - TAIL_ROOM };

	if (l->format == LINE_JSON) {
		put_text(&c, l->used > 1 ? ",\"" : "\"");
		put_text(&c, key);
		put_text(&c, "\":");
	} else {
		if (l->used)
			put_text(&c, " ");
		put_text(&c, key);
		put_text(&c, "=");
	}
	return c;
}

static void field_end(struct line *l, const struct cursor *c)
{
	if (!c->full)
		l->used = (size_t)(c->at - l->text);
}

void line_start(struct line *l, enum line_format format)
{
	l->format = format;
	l->used = 0;
	if (format == LINE_JSON)
		l->text[l->used++] = '{';
}

void line_str(struct line *l, const char *key, const char *value)
{
	struct cursor c = field_start(l, key);

	if (l->format == LINE_LOGFMT && is_bare(value))
		put_text(&c, value);
	else
		put_quoted(&c, value);
	field_end(l, &c);
}

void line_u64(struct line *l, const char *key, uint64_t value)
{
	struct cursor c = field_start(l, key);
	char digits[24];

	put(&c, digits,
	    (size_t)snprintf(digits, sizeof(digits), "%llu", (unsigned long long)value));
	field_end(l, &c);
}

void line_none(struct line *l, const char *key)
{
	struct cursor c = field_start(l, key);

	put_text(&c, l->format == LINE_JSON ? "null" : "-");
	field_end(l, &c);
}

void line_addr(struct line *l, const char *key, const struct addr *a)
{
	char text[ADDR_TEXT];

	if (a->sa.sa_family == AF_UNSPEC)
		line_none(l, key);
	else
		line_str(l, key, addr_format(a, text));
}

void line_finish(struct line *l)
{
	if (l->format == LINE_JSON)
		l->text[l->used++] = '}';
	l->text[l->used++] = '\n';
}
