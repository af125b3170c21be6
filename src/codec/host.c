#include "codec/host.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>
#include <strings.h>

#include "base/bits.h"

#define METHOD_MAX 32

/* A piece of the bytes. */
struct piece {
	const uint8_t *p;
	size_t n;
};

/* RFC 9110 5.6.2 */
static bool is_token_byte(uint8_t c)
{
	return isalnum(c) || (c && strchr("!#$%&'*+-.^_`|~", c));
}

/* Its length; 0: cannot tell yet; -EPROTO. */
static int read_method(const uint8_t *p, size_t n)
{
	for (size_t i = 0; i < n && i <= METHOD_MAX; i++) {
		if (p[i] == ' ')
			return i > 0 ? (int)i : -EPROTO;
		if (!is_token_byte(p[i]))
			return -EPROTO;
	}
	return n > METHOD_MAX ? -EPROTO : 0;
}

/* The next line without its end, which a bare LF may be (RFC 9112 2.2); *after: where the next one begins. False: it is not
 * there yet. */
static bool next_line(const uint8_t *p, size_t n, size_t at, struct piece *line, size_t *after)
{
	const uint8_t *end = at < n ? memchr(p + at, '\n', n - at) : NULL;

	if (!end)
		return false;
	*line = (struct piece){ p + at, (size_t)(end - p) - at };
	*after = (size_t)(end - p) + 1;
	if (line->n && line->p[line->n - 1] == '\r')
		line->n--;
	return true;
}

static bool is_name_byte(uint8_t c)
{
	return isalnum(c) || c == '-' || c == '_' || c == '.';
}

/* "mail.example.org:80" → name. What cannot be the name of a host is none. */
static void read_name(struct piece s, char out[static HOST_NAME_TEXT])
{
	size_t len = 0;

	while (len < s.n && is_name_byte(s.p[len]))
		len++;
	if (len < s.n && s.p[len] != ':')
		return;
	for (size_t i = len + 1; i < s.n; i++)
		if (!isdigit(s.p[i]))
			return;
	if (len > 1 && s.p[len - 1] == '.')
		len--;
	if (len >= HOST_NAME_TEXT)
		return;
	for (size_t i = 0; i < len; i++)
		out[i] = (char)tolower(s.p[i]);
	out[len] = '\0';
}

static void note_path(const uint8_t *p, struct piece target, struct host *out)
{
	const uint8_t *query = memchr(target.p, '?', target.n);

	out->path = (size_t)(target.p - p);
	out->path_len = query ? (size_t)(query - target.p) : target.n;
}

/* Origin-form, absolute-form or what names no path (RFC 9112 3.2). True: it names the host, too. */
static bool read_target(const uint8_t *p, struct piece target, struct host *out)
{
	static const char scheme[] = "http://";
	size_t start = sizeof(scheme) - 1, len = 0;

	if (target.n && target.p[0] == '/') {
		note_path(p, target, out);
		return false;
	}
	if (target.n <= start || strncasecmp((const char *)target.p, scheme, start) != 0)
		return false;
	while (start + len < target.n && !strchr("/?", target.p[start + len]))
		len++;
	read_name((struct piece){ target.p + start, len }, out->name);
	if (start + len < target.n && target.p[start + len] == '/')
		note_path(p, (struct piece){ target.p + start + len, target.n - start - len }, out);
	return true;
}

/* METHOD SP target SP HTTP/1.x. 1: and the target names the host; 0; -EPROTO. */
static int read_request_line(const uint8_t *p, struct piece line, struct host *out)
{
	static const char version[] = " HTTP/1.";
	size_t tail = sizeof(version); /* with its digit */
	int method = read_method(line.p, line.n);
	struct piece target;

	if (method <= 0 || line.n < (size_t)method + 2 + tail)
		return -EPROTO;
	if (memcmp(line.p + line.n - tail, version, tail - 1) != 0 || !isdigit(line.p[line.n - 1]))
		return -EPROTO;
	target = (struct piece){ line.p + method + 1, line.n - (size_t)method - 1 - tail };
	for (size_t i = 0; i < target.n; i++)
		if (target.p[i] <= ' ' || target.p[i] == 0x7f)
			return -EPROTO;
	out->line = true;
	return read_target(p, target, out);
}

static bool is_host(struct piece line, struct piece *value)
{
	static const char key[] = "host:";
	size_t skip = sizeof(key) - 1;

	if (line.n < skip || strncasecmp((const char *)line.p, key, skip) != 0)
		return false;
	*value = (struct piece){ line.p + skip, line.n - skip };
	while (value->n && strchr(" \t", value->p[0]) && value->p[0])
		*value = (struct piece){ value->p + 1, value->n - 1 };
	while (value->n && strchr(" \t", value->p[value->n - 1]) && value->p[value->n - 1])
		value->n--;
	return true;
}

int host_parse(const uint8_t *p, size_t n, struct host *out)
{
	int method = read_method(p, n), named;
	struct piece line, value;
	size_t at;

	*out = (struct host){ 0 };
	if (method < 0)
		return method;
	if (!next_line(p, n, 0, &line, &at))
		return 0;
	named = read_request_line(p, line, out);
	if (named)
		return named < 0 ? named : (int)at;
	while (next_line(p, n, at, &line, &at)) {
		if (line.n == 0)
			return (int)at;
		if (!is_host(line, &value))
			continue;
		read_name(value, out->name);
		return (int)at;
	}
	return 0;
}

static bool has_dots(const uint8_t *p, size_t n)
{
	for (size_t i = 0; i + 2 < n; i++) {
		if (p[i] == '%' && p[i + 1] == '2' && (p[i + 2] == 'e' || p[i + 2] == 'E'))
			return true;
		if (p[i] == '/' && p[i + 1] == '.' && p[i + 2] == '.' &&
		    (i + 3 == n || p[i + 3] == '/'))
			return true;
	}
	return false;
}

bool host_path_begins(const struct host *h, const uint8_t *p, const char *prefix)
{
	size_t len = strlen(prefix);

	return h->path_len >= len && h->path_len > 0 && memcmp(p + h->path, prefix, len) == 0 &&
	       !has_dots(p + h->path, h->path_len);
}
