#include "base/line.h"

#include <stdio.h>
#include <string.h>

#include "base/bits.h"

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

/* Bytes of the character at p (RFC 3629), 0 where there is none. */
static size_t utf8_length(const unsigned char *p)
{
	static const unsigned char least[] = { [2] = 0xc2, [3] = 0xe0, [4] = 0xf0 };
	size_t len = *p < 0x80 ? 1 : *p < 0xe0 ? 2 : *p < 0xf0 ? 3 : 4;

	if (len == 1)
		return 1;
	if (*p < least[len] || *p > 0xf4)
		return 0;
	for (size_t i = 1; i < len; i++)
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	/* Overlong forms, surrogates, beyond U+10FFFF. */
	if ((*p == 0xe0 && p[1] < 0xa0) || (*p == 0xed && p[1] > 0x9f) ||
	    (*p == 0xf0 && p[1] < 0x90) || (*p == 0xf4 && p[1] > 0x8f))
		return 0;
	return len;
}

static bool is_plain(const unsigned char *p)
{
	return *p >= 0x20 && *p != 0x7f && utf8_length(p);
}

/* Both formats quote alike: JSON's rules (RFC 8259 section 7), which logfmt readers accept. Bytes
 * that are not UTF-8 are escaped one by one: JSON must not hold them. */
static void put_quoted(struct cursor *c, const char *value)
{
	char escape[8];
	size_t len;

	put(c, "\"", 1);
	for (const unsigned char *p = (const unsigned char *)value; *p; p += len) {
		len = max_of(utf8_length(p), (size_t)1);
		if (*p == '"' || *p == '\\')
			put(c, "\\", 1);
		if (is_plain(p))
			put(c, (const char *)p, len);
		else
			put(c, escape, (size_t)snprintf(escape, sizeof(escape), "\\u%04x", *p));
	}
	put(c, "\"", 1);
}

static bool is_bare(const char *value)
{
	if (!*value)
		return false;
	for (const unsigned char *p = (const unsigned char *)value; *p; p += utf8_length(p))
		if (!is_plain(p) || strchr(" \"=\\", *p))
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

	if (l->format != LINE_JSON && is_bare(value))
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
