#include "config/route.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/memory.h"
#include "base/nearest.h"
#include "config/value.h"

#define BLANKS " \t,"

static _Thread_local char expected[400];

#define EXPECT(...) (snprintf(expected, sizeof(expected), __VA_ARGS__), expected)

static const char *read_name(struct match *m, const char *text);
static const char *read_protocol(struct match *m, const char *text);
static const char *read_path(struct match *m, const char *text);
static const char *read_source(struct match *m, const char *text);

/* In the order of enum match_kind. `read` NULL: the word stands alone. */
static const struct {
	const char *word;
	const char *(*read)(struct match *m, const char *text);
	enum match_kind protocol; /* what the client must speak for it; MATCH_ANY: whatever */
} kinds[] = {
	[MATCH_ANY] = { "any", NULL, MATCH_ANY },
	[MATCH_SOURCE] = { "source", read_source, MATCH_ANY },
	[MATCH_TLS] = { "tls", NULL, MATCH_TLS },
	[MATCH_SNI] = { "sni", read_name, MATCH_TLS },
	[MATCH_ALPN] = { "alpn", read_protocol, MATCH_TLS },
	[MATCH_HTTP] = { "http", NULL, MATCH_HTTP },
	[MATCH_HOST] = { "host", read_name, MATCH_HTTP },
	[MATCH_PATH] = { "path", read_path, MATCH_HTTP },
	[MATCH_SSH] = { "ssh", NULL, MATCH_SSH },
};

/* "mail.example.org" or "*.example.org". */
static const char *read_name(struct match *m, const char *text)
{
	const char *name = text;
	size_t len;

	m->below = strncmp(text, "*.", 2) == 0;
	name += m->below;
	len = strlen(name);
	if (len > 1 && name[len - 1] == '.')
		len--;
	if (len < (m->below ? 2 : 1) || len > 253 || (name[0] == '.' && !m->below))
		return EXPECT("a host name behind %s:, or *.NAME", kinds[m->kind].word);
	for (size_t i = 0; i < len; i++) {
		if (name[i] & 0x80)
			return EXPECT(
				"the name as it is on the wire, xn--..., not '%.64s' (idn2 tells it)",
				text);
		if (!isalnum((unsigned char)name[i]) && !strchr("-_.", name[i]))
			return EXPECT(
				"a host name or *.NAME behind %s:, without a port, not '%.64s'",
				kinds[m->kind].word, text);
	}
	m->text = memory_text(name, len);
	for (char *c = m->text; *c; c++)
		*c = (char)tolower((unsigned char)*c);
	return NULL;
}

static const char *read_protocol(struct match *m, const char *text)
{
	if (!*text || strlen(text) > 255)
		return "a protocol behind alpn:, as h2, http/1.1 or acme-tls/1";
	m->text = memory_text(text, strlen(text));
	return NULL;
}

static const char *read_path(struct match *m, const char *text)
{
	if (*text != '/')
		return "the beginning of a path behind path:, as /.well-known/acme-challenge/";
	if (strchr(text, '?'))
		return "a path without a query behind path:";
	m->text = memory_text(text, strlen(text));
	return NULL;
}

static const char *read_source(struct match *m, const char *text)
{
	char meant[NET_TEXT];
	int err = net_parse(&m->net, text);

	if (err == -EDOM)
		return EXPECT("a network behind source:, not '%.64s': probably %s", text,
			      net_format(&m->net, meant));
	return err ? EXPECT("a network behind source:, as 192.0.2.0/24 or 2001:db8::/32, not '%.64s'",
			    text)
		   : NULL;
}

static const char *unknown_word(const char *word, size_t len)
{
	char *given = memory_text(word, len), meant[NEAREST_TEXT];
	struct nearest n;

	nearest_start(&n, given);
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
		nearest_try(&n, kinds[i].word);
	snprintf(
		expected, sizeof(expected),
		"any, source:NET, tls, sni:NAME, alpn:PROTOCOL, http, host:NAME, path:PREFIX or ssh, not '%.64s'%s",
		word, nearest_text(&n, meant));
	free(given);
	return expected;
}

static const char *read_match(struct match *m, const char *word)
{
	size_t len = strcspn(word, ":");

	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		if (strlen(kinds[i].word) != len || strncasecmp(kinds[i].word, word, len) != 0)
			continue;
		m->kind = (enum match_kind)i;
		if (!kinds[i].read)
			return word[len] ? EXPECT("%s alone, not '%.64s'", kinds[i].word, word)
					 : NULL;
		return word[len] ? kinds[i].read(m, word + len + 1)
				 : EXPECT("%s: with a value behind it", kinds[i].word);
	}
	return unknown_word(word, len);
}

static const char *read_matches(struct route_conf *r, char *text)
{
	const char *wrong = NULL;
	char *word;

	while (!wrong && (word = strsep(&text, BLANKS))) {
		if (!*word)
			continue;
		r->at = memory_grow(r->at, r->count, sizeof(*r->at));
		r->at[r->count] = (struct match){ 0 };
		wrong = read_match(&r->at[r->count++], word);
	}
	return wrong || r->count ? wrong : "what to choose by before ->, as sni:NAME or any";
}

const char *route_parse(const char *text, struct routes *out)
{
	struct route_conf r = { 0 };
	const char *wrong = "MATCH, ... -> BACKEND or BACKEND:PORT, as sni:mail.example.org -> web";
	char *copy = memory_text(text, strlen(text)), *arrow = strstr(copy, "->");

	if (arrow) {
		*arrow = '\0';
		wrong = read_matches(&r, copy);
		if (!wrong)
			wrong = value_target(arrow + 2 + strspn(arrow + 2, " \t"), &r.target);
	}
	free(copy);
	if (wrong) {
		route_finish(&r);
		return wrong;
	}
	out->at = memory_grow(out->at, out->count, sizeof(*out->at));
	out->at[out->count++] = r;
	return NULL;
}

bool route_needs_bytes(const struct route_conf *r)
{
	for (size_t i = 0; i < r->count; i++)
		if (r->at[i].kind >= MATCH_TLS)
			return true;
	return false;
}

enum match_kind route_protocol(const struct route_conf *r)
{
	for (size_t i = 0; i < r->count; i++)
		if (kinds[r->at[i].kind].protocol != MATCH_ANY)
			return kinds[r->at[i].kind].protocol;
	return MATCH_ANY;
}

static bool ends_with(const char *text, const char *end)
{
	size_t n = strlen(text), m = strlen(end);

	return n >= m && strcmp(text + n - m, end) == 0;
}

/* Whoever fits `b` fits `a`. */
static bool match_covers(const struct match *a, const struct match *b)
{
	if (a->kind == MATCH_ANY)
		return true;
	if (a->kind == MATCH_TLS || a->kind == MATCH_HTTP)
		return kinds[b->kind].protocol == a->kind;
	if (a->kind != b->kind)
		return false;
	switch (a->kind) {
	case MATCH_SOURCE:
		return net_covers(&a->net, &b->net);
	case MATCH_SNI:
	case MATCH_HOST:
		return a->below ? ends_with(b->text, a->text)
				: !b->below && strcmp(a->text, b->text) == 0;
	case MATCH_ALPN:
		return strcmp(a->text, b->text) == 0;
	case MATCH_PATH:
		return strncmp(a->text, b->text, strlen(a->text)) == 0;
	default:
		return true;
	}
}

bool route_covers(const struct route_conf *outer, const struct route_conf *inner)
{
	for (size_t i = 0; i < outer->count; i++) {
		bool covered = outer->at[i].kind == MATCH_ANY;

		for (size_t k = 0; k < inner->count && !covered; k++)
			covered = match_covers(&outer->at[i], &inner->at[k]);
		if (!covered)
			return false;
	}
	return true;
}

/* No client fits both. */
static bool match_excludes(const struct match *a, const struct match *b)
{
	enum match_kind p = kinds[a->kind].protocol, q = kinds[b->kind].protocol;

	if (p != MATCH_ANY && q != MATCH_ANY && p != q)
		return true;
	if (a->kind != b->kind || a->kind == MATCH_ALPN)
		return false;
	return kinds[a->kind].read && !match_covers(a, b) && !match_covers(b, a);
}

bool route_is_impossible(const struct route_conf *r)
{
	for (size_t i = 0; i < r->count; i++)
		for (size_t k = 0; k < i; k++)
			if (match_excludes(&r->at[i], &r->at[k]))
				return true;
	return false;
}

char *route_format(const struct route_conf *r, char out[static ROUTE_TEXT])
{
	char net[NET_TEXT];
	size_t used = 0;

	out[0] = '\0';
	for (size_t i = 0; i < r->count && used < ROUTE_TEXT; i++) {
		const struct match *m = &r->at[i];

		used += (size_t)snprintf(out + used, ROUTE_TEXT - used, "%s%s%s%s%s", i ? ", " : "",
					 kinds[m->kind].word, kinds[m->kind].read ? ":" : "",
					 m->below ? "*" : "",
					 m->kind == MATCH_SOURCE ? net_format(&m->net, net)
					 : m->text		 ? m->text
								 : "");
	}
	return out;
}

void route_finish(struct route_conf *r)
{
	for (size_t i = 0; i < r->count; i++)
		free(r->at[i].text);
	free(r->at);
	free(r->target.name);
	*r = (struct route_conf){ 0 };
}
