#include "codec/banner.h"

#include <string.h>
#include <strings.h>

#include "base/bits.h"

/* One line of what was said, without its end. */
struct said {
	const uint8_t *p;
	size_t len;
	bool whole; /* its end has come */
};

enum { TLS_ALERT = 0x15, TLS_HANDSHAKE = 0x16, TLS_SERVER_HELLO = 2, TLS_RECORD = 5 };

/* The line at *at, and *at moves behind it. False: nothing is left. */
static bool next_line(const uint8_t *p, size_t n, size_t *at, struct said *line)
{
	const uint8_t *end;

	if (*at >= n)
		return false;
	end = memchr(p + *at, '\n', n - *at);
	*line = (struct said){ p + *at, end ? (size_t)(end - p) - *at : n - *at, end != NULL };
	*at += line->len + line->whole;
	if (line->whole && line->len && line->p[line->len - 1] == '\r')
		line->len--;
	return true;
}

static bool begins(const struct said *line, const char *word)
{
	size_t len = strlen(word);

	return line->len >= len && strncasecmp((const char *)line->p, word, len) == 0;
}

static bool is_digit(uint8_t c)
{
	return c >= '0' && c <= '9';
}

static void quote(struct banner *g, const struct said *line)
{
	g->text = line->p;
	g->text_len = line->len;
}

static void object(struct banner *g, const struct said *line)
{
	if (!g->objected)
		quote(g, line);
	g->objected = true;
}

/* "220-…" lines and a "220 …" make a reply; the first is the greeting. A line counts when it is whole. */
static void read_smtp(const uint8_t *p, size_t n, struct banner *g)
{
	struct said line;
	size_t at = 0;
	unsigned code;

	while (next_line(p, n, &at, &line) && line.whole) {
		if (line.len < 3 || !is_digit(line.p[0]) || !is_digit(line.p[1]) ||
		    !is_digit(line.p[2]))
			continue;
		code = (line.p[0] - '0') * 100u + (line.p[1] - '0') * 10u + (line.p[2] - '0');
		if (!g->code) {
			g->code = (uint16_t)code;
		} else if (g->complete && code == 221) {
			g->farewell = true;
		} else if (g->complete && code >= 400 && !g->refused) {
			object(g, &line);
		}
		if (line.len == 3 || line.p[3] != '-') {
			g->complete = true;
			g->refused = g->code >= 400;
		}
	}
}

/* The tag of ours is "a". */
static void read_imap(const uint8_t *p, size_t n, struct banner *g)
{
	struct said line, rest;
	const uint8_t *space;
	size_t at = 0;

	while (next_line(p, n, &at, &line) && line.whole) {
		space = memchr(line.p, ' ', line.len);
		if (!space)
			continue;
		rest = (struct said){ space + 1, line.len - (size_t)(space + 1 - line.p), true };
		if (!g->complete) {
			g->complete = true;
			g->refused = begins(&rest, "BYE");
		} else if (begins(&line, "a ")) {
			g->farewell = true;
		} else if (begins(&rest, "BAD") && !g->farewell && !g->refused) {
			object(g, &line);
		}
	}
}

static void read_pop3(const uint8_t *p, size_t n, struct banner *g)
{
	struct said line;
	size_t at = 0;

	while (next_line(p, n, &at, &line) && line.whole) {
		if (!g->complete) {
			g->complete = true;
			g->refused = begins(&line, "-ERR");
		} else if (begins(&line, "-ERR") && !g->refused) {
			object(g, &line);
		} else if (begins(&line, "+OK")) {
			g->farewell = true;
		}
	}
}

/* RFC 5804 1.3: capabilities, then a line that begins with OK, NO or BYE. */
static void read_sieve(const uint8_t *p, size_t n, struct banner *g)
{
	struct said line;
	size_t at = 0;
	bool ok, no;

	while (next_line(p, n, &at, &line) && line.whole) {
		ok = begins(&line, "OK");
		no = begins(&line, "NO") || begins(&line, "BYE");
		if (!g->complete) {
			g->complete = ok || no;
			g->refused = no;
		} else if (no && !g->refused) {
			object(g, &line);
		} else if (ok) {
			g->farewell = true;
		}
	}
}

static void read_http(const uint8_t *p, size_t n, struct banner *g)
{
	struct said line;
	size_t at = 0;
	const uint8_t *space;

	while (next_line(p, n, &at, &line) && line.whole) {
		if (g->code) {
			g->complete |= line.len == 0;
			g->refused = g->complete && g->code == 400;
			continue;
		}
		space = memchr(line.p, ' ', line.len);
		if (space && space + 3 < line.p + line.len && is_digit(space[1]) &&
		    is_digit(space[2]) && is_digit(space[3]))
			g->code = (uint16_t)((space[1] - '0') * 100 + (space[2] - '0') * 10 +
					     (space[3] - '0'));
		if (!g->code)
			return;
	}
}

/* A record of which recognise() has seen enough. */
static void read_tls(const uint8_t *p, size_t n, struct banner *g)
{
	(void)n;
	g->complete = true;
	g->refused = p[0] == TLS_ALERT;
	if (g->refused)
		g->code = p[TLS_RECORD + 1];
	g->text_len = 0;
}

/* Words that each protocol's first bytes are, and what then reads on. */
static const struct dialect {
	const char *start;
	enum speech speech;
} dialects[] = {
	{ "* ", SPEECH_IMAP },	  { "+OK", SPEECH_POP3 },
	{ "-ERR", SPEECH_POP3 },  { "\"IMPLEMENTATION\"", SPEECH_SIEVE },
	{ "HTTP/", SPEECH_HTTP },
};

/* RFC 5321 4.2: three digits, and a hyphen or a space. */
static bool may_be_smtp(const uint8_t *p, size_t n)
{
	for (size_t i = 0; i < min_of(n, 3); i++)
		if (!is_digit(p[i]))
			return false;
	return n < 4 || p[3] == ' ' || p[3] == '-' || p[3] == '\r';
}

/* RFC 8446 5.1: type, version, length; then an alert's level and description, or a message's type. */
static enum speech recognise_tls(const uint8_t *p, size_t n)
{
	if (n > 1 && p[1] != 3)
		return SPEECH_OTHER;
	if (n < TLS_RECORD + 2)
		return SPEECH_NONE;
	return p[0] == TLS_ALERT || p[TLS_RECORD] == TLS_SERVER_HELLO ? SPEECH_TLS : SPEECH_OTHER;
}

static enum speech recognise(const uint8_t *p, size_t n)
{
	size_t len;

	if (n == 0)
		return SPEECH_NONE;
	if (p[0] == TLS_HANDSHAKE || p[0] == TLS_ALERT)
		return recognise_tls(p, n);
	if (may_be_smtp(p, n))
		return n < 4 ? SPEECH_NONE : SPEECH_SMTP;
	for (size_t i = 0; i < ARRAY_LEN(dialects); i++) {
		len = strlen(dialects[i].start);
		if (memcmp(p, dialects[i].start, min_of(n, len)) == 0)
			return n < len ? SPEECH_NONE : dialects[i].speech;
	}
	return SPEECH_OTHER;
}

/* As they call themselves, in greetings or in a Server field. */
static const struct {
	const char *word, *name;
} makers[SOFTWARE_COUNT] = {
	[SOFTWARE_UNKNOWN] = { NULL, "the server" },
	[SOFTWARE_STALWART] = { "Stalwart", "Stalwart" },
	[SOFTWARE_POSTFIX] = { "Postfix", "Postfix" },
	[SOFTWARE_DOVECOT] = { "Dovecot", "Dovecot" },
	[SOFTWARE_EXIM] = { "ESMTP Exim", "Exim" },
	[SOFTWARE_NGINX] = { "Server: nginx", "nginx" },
	[SOFTWARE_CADDY] = { "Server: Caddy", "Caddy" },
};

static enum software recognise_software(const uint8_t *p, size_t n)
{
	for (enum software s = SOFTWARE_UNKNOWN + 1; s < SOFTWARE_COUNT; s++)
		if (memmem(p, n, makers[s].word, strlen(makers[s].word)))
			return s;
	return SOFTWARE_UNKNOWN;
}

void banner_read(const uint8_t *p, size_t n, struct banner *g)
{
	static void (*const readers[])(const uint8_t *, size_t, struct banner *) = {
		[SPEECH_SMTP] = read_smtp,   [SPEECH_IMAP] = read_imap, [SPEECH_POP3] = read_pop3,
		[SPEECH_SIEVE] = read_sieve, [SPEECH_TLS] = read_tls,	[SPEECH_HTTP] = read_http,
		[SPEECH_OTHER] = NULL,
	};
	struct said first;
	size_t at = 0;

	*g = (struct banner){ .speech = recognise(p, n) };
	if (next_line(p, n, &at, &first))
		quote(g, &first);
	if (readers[g->speech])
		readers[g->speech](p, n, g);
	if (g->speech != SPEECH_TLS)
		g->software = recognise_software(p, n);
}

const char *banner_farewell(enum speech s)
{
	static const char *const words[] = { [SPEECH_SMTP] = "QUIT\r\n",
					     [SPEECH_IMAP] = "a LOGOUT\r\n",
					     [SPEECH_POP3] = "QUIT\r\n",
					     [SPEECH_SIEVE] = "LOGOUT\r\n",
					     [SPEECH_OTHER] = NULL };

	return words[s];
}

const char *speech_name(enum speech s)
{
	static const char *const names[] = { "nothing",	    "SMTP", "IMAP", "POP3",
					     "ManageSieve", "TLS",  "HTTP", "an unknown protocol" };

	return names[s];
}

const char *software_name(enum software s)
{
	return makers[s].name;
}
