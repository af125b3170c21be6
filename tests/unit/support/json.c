#include "json.h"

#include <ctype.h>
#include <stdint.h>
#include <string.h>

struct cursor {
	const unsigned char *at, *end;
};

static bool take(struct cursor *c, const char *word)
{
	size_t n = strlen(word);

	if ((size_t)(c->end - c->at) < n || memcmp(c->at, word, n) != 0)
		return false;
	c->at += n;
	return true;
}

static bool take_escape(struct cursor *c)
{
	if (c->at == c->end)
		return false;
	if (*c->at != 'u')
		return strchr("\"\\/bfnrt", *c->at++) != NULL;
	if (c->end - c->at < 5)
		return false;
	for (int i = 1; i < 5; i++)
		if (!isxdigit(c->at[i]))
			return false;
	c->at += 5;
	return true;
}

/* One character in the only encoding it has (RFC 3629): no overlong form, no surrogate. */
static bool take_utf8(struct cursor *c)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	unsigned char first = *c->at;
	int size = first < 0x80 ? 1 : first < 0xc0 ? 0 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
	uint32_t code = size == 1 ? first : first & (0x7fu >> size);

	if (size == 0 || first > 0xf4 || c->end - c->at < size)
		return false;
	for (int i = 1; i < size; i++) {
		if ((c->at[i] & 0xc0) != 0x80)
			return false;
		code = code << 6 | (c->at[i] & 0x3f);
	}
	c->at += size;
	return code >= least[size] && code <= 0x10ffff && (code < 0xd800 || code > 0xdfff);
}

static bool take_string(struct cursor *c)
{
	if (!take(c, "\""))
		return false;
	while (c->at < c->end) {
		if (*c->at < 0x20)
			return false;
		if (take(c, "\""))
			return true;
		if (take(c, "\\") ? !take_escape(c) : !take_utf8(c))
			return false;
	}
	return false;
}

static bool take_value(struct cursor *c)
{
	const unsigned char *start = c->at;

	if (take(c, "null"))
		return true;
	if (c->at < c->end && *c->at == '"')
		return take_string(c);
	while (c->at < c->end && isdigit(*c->at))
		c->at++;
	return c->at > start && (*start != '0' || c->at == start + 1);
}

bool json_is_line(const char *text, size_t len)
{
	struct cursor c = { (const unsigned char *)text, (const unsigned char *)text + len };

	if (!take(&c, "{"))
		return false;
	while (!take(&c, "}")) {
		if (!take_string(&c) || !take(&c, ":") || !take_value(&c))
			return false;
		if (take(&c, ","))
			continue;
		if (c.at == c.end || *c.at != '}')
			return false;
	}
	return take(&c, "\n") && c.at == c.end;
}
