#include "config/value.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/nearest.h"

#define BLANKS " \t,"

/* Ports of one listener, at most: a typo such as 1-65535 would eat every descriptor. */
#define PORTS_MAX 1024

static _Thread_local char expected[400];

#define EXPECT(...) (snprintf(expected, sizeof(expected), __VA_ARGS__), expected)

void value_replace(char **out, const char *text)
{
	char *copy = memory_text(text, strlen(text));

	free(*out);
	*out = copy;
}

/* Digits only: strtoull(3) would take blanks, signs and other bases. */
static bool read_number(const char *text, size_t len, uint64_t *out)
{
	uint64_t n = 0;

	if (len == 0 || len > 18)
		return false;
	for (size_t i = 0; i < len; i++) {
		if (!isdigit((unsigned char)text[i]))
			return false;
		n = 10 * n + (uint64_t)(text[i] - '0');
	}
	*out = n;
	return true;
}

/* "64k", "4m": as sizes in nginx, 1024 to the k. */
static bool read_multiple(const char *text, uint64_t *out)
{
	size_t digits = strspn(text, "0123456789");
	unsigned shift = strcmp(text + digits, "k") == 0   ? 10
			 : strcmp(text + digits, "m") == 0 ? 20
							   : 0;

	if (!shift)
		return read_number(text, strlen(text), out);
	if (digits > 12 || !read_number(text, digits, out))
		return false;
	*out <<= shift;
	return true;
}

const char *value_number(const char *text, uint64_t min, uint64_t max, bool auto_word,
			 uint64_t *out)
{
	uint64_t n;

	if (auto_word && strcmp(text, "auto") == 0) {
		*out = 0;
		return NULL;
	}
	if (!read_multiple(text, &n) || n < min || n > max)
		return EXPECT("a number from %llu to %llu%s", (unsigned long long)min,
			      (unsigned long long)max, auto_word ? ", or auto" : "");
	*out = n;
	return NULL;
}

static const struct {
	const char *suffix;
	msec_t factor;
} units[] = { { "ms", 1 }, { "s", 1000 }, { "m", 60000 }, { "h", 3600000 }, { "d", 86400000 } };

char *value_format_duration(msec_t ms, char out[static VALUE_DURATION_TEXT])
{
	size_t u = ARRAY_LEN(units) - 1;

	while (u > 0 && ms % units[u].factor)
		u--;
	snprintf(out, VALUE_DURATION_TEXT, "%llu%s", (unsigned long long)(ms / units[u].factor),
		 units[u].suffix);
	return out;
}

const char *value_duration(const char *text, msec_t min, msec_t max, msec_t *out)
{
	size_t digits = strspn(text, "0123456789");
	char low[VALUE_DURATION_TEXT], high[VALUE_DURATION_TEXT];
	uint64_t n;

	for (size_t u = 0; u < ARRAY_LEN(units); u++) {
		if (strcmp(text + digits, units[u].suffix) != 0)
			continue;
		if (digits > 9 || !read_number(text, digits, &n) || n * units[u].factor < min ||
		    n * units[u].factor > max)
			break;
		*out = n * units[u].factor;
		return NULL;
	}
	return EXPECT("a time from %s to %s with its unit (500ms, 10s, 35m, 1h)",
		      value_format_duration(min, low), value_format_duration(max, high));
}

static bool read_limit_word(const char *text, uint64_t *out)
{
	if (strcmp(text, "off") == 0)
		*out = 0;
	else if (strcmp(text, "auto") == 0)
		*out = LIMIT_AUTO;
	else
		return false;
	return true;
}

const char *value_limit(const char *text, uint64_t max, uint64_t *out)
{
	uint64_t n;

	if (read_limit_word(text, out))
		return NULL;
	if (!read_number(text, strlen(text), &n) || n < 1 || n > max)
		return EXPECT("a number from 1 to %llu, off or auto", (unsigned long long)max);
	*out = n;
	return NULL;
}

const char *value_rate(const char *text, uint64_t max, struct rate *out)
{
	size_t slash = strcspn(text, "/");
	struct rate r = { 0 };

	if (!read_limit_word(text, &r.count) &&
	    (!text[slash] || !read_number(text, slash, &r.count) || r.count < 1 || r.count > max ||
	     value_duration(text + slash + 1, 1000, 3600000, &r.per)))
		return EXPECT(
			"NUMBER/TIME like 20/10s, up to %llu in a time from 1s to 1h, or off or auto",
			(unsigned long long)max);
	*out = r;
	return NULL;
}

const char *value_choice(const char *text, const char *const *words, unsigned *out)
{
	char meant[NEAREST_TEXT];
	struct nearest n;
	size_t used;

	nearest_start(&n, text);
	for (unsigned i = 0; words[i]; i++) {
		nearest_try(&n, words[i]);
		if (strcmp(words[i], text) == 0) {
			*out = i;
			return NULL;
		}
	}
	used = (size_t)snprintf(expected, sizeof(expected), "one of");
	for (unsigned i = 0; words[i]; i++)
		used += (size_t)snprintf(expected + used, sizeof(expected) - used, " %s", words[i]);
	snprintf(expected + used, sizeof(expected) - used, "%s", nearest_text(&n, meant));
	return expected;
}

static bool read_port(const char *text, size_t len, uint16_t *out)
{
	uint64_t n;

	if (!read_number(text, len, &n) || n < 1 || n > 65535)
		return false;
	*out = (uint16_t)n;
	return true;
}

static const char *add_port(struct port_maps *out, uint16_t from, uint16_t to)
{
	for (size_t i = 0; i < out->count; i++)
		if (out->at[i].from == from)
			return EXPECT("each port once, but %u stands there twice", from);
	if (out->count == PORTS_MAX)
		return EXPECT("at most %d ports in one listener", PORTS_MAX);
	out->at = memory_grow(out->at, out->count, sizeof(*out->at));
	out->at[out->count++] = (struct port_map){ .from = from, .to = to };
	return NULL;
}

static const char *add_range(struct port_maps *out, const char *word, size_t dash)
{
	uint16_t first, last;
	const char *wrong = NULL;

	if (!read_port(word, dash, &first) ||
	    !read_port(word + dash + 1, strlen(word + dash + 1), &last) || first > last)
		return EXPECT("a range like 8000-8010, not '%.32s'", word);
	for (unsigned port = first; port <= last && !wrong; port++)
		wrong = add_port(out, (uint16_t)port, (uint16_t)port);
	return wrong;
}

static const char *add_word(struct port_maps *out, const char *word)
{
	size_t dash = strcspn(word, "-"), arrow = strcspn(word, ">");
	uint16_t from, to;

	if (word[dash])
		return add_range(out, word, dash);
	if (!read_port(word, arrow, &from))
		return EXPECT("ports like 25, 25>10025 or 8000-8010, not '%.32s'", word);
	to = from;
	if (word[arrow] && !read_port(word + arrow + 1, strlen(word + arrow + 1), &to))
		return EXPECT("a port from 1 to 65535 behind '>', not '%.32s'", word);
	return add_port(out, from, to);
}

const char *value_each_word(const char *text, void *out,
			    const char *(*add)(void *out, const char *word))
{
	char *copy = NULL, *rest, *word;
	const char *wrong = NULL;
	bool any = false;

	value_replace(&copy, text);
	rest = copy;
	while (!wrong && (word = strsep(&rest, BLANKS))) {
		if (!*word)
			continue;
		any = true;
		wrong = add(out, word);
	}
	free(copy);
	return wrong || any ? wrong : "a value";
}

static const char *add_port_word(void *out, const char *word)
{
	return add_word(out, word);
}

const char *value_ports(const char *text, struct port_maps *out)
{
	size_t before = out->count;
	const char *wrong = value_each_word(text, out, add_port_word);

	if (wrong)
		out->count = before;
	return wrong;
}

static const char *add_addr_word(void *list, const char *word)
{
	struct addrs *out = list;
	struct addr a;

	if (!addr_parse(&a, word, 0))
		return EXPECT("IP addresses, not '%.64s'", word);
	/* ::ffff:192.0.2.1 on a socket of IPv6 only cannot be bound; what is meant can. */
	addr_fold(&a);
	for (size_t i = 0; i < out->count; i++)
		if (addr_equal(&out->at[i], &a))
			return EXPECT("each address once, but %.64s stands there twice", word);
	out->at = memory_grow(out->at, out->count, sizeof(*out->at));
	out->at[out->count++] = a;
	return NULL;
}

const char *value_addrs(const char *text, struct addrs *out)
{
	size_t before = out->count;
	const char *wrong = value_each_word(text, out, add_addr_word);

	if (wrong)
		out->count = before;
	return wrong;
}

static const char *add_net_word(void *list, const char *word)
{
	struct nets *out = list;
	char meant[NET_TEXT];
	struct net net;
	int err = net_parse(&net, word);

	if (err == -EDOM)
		return EXPECT("networks, not '%.64s': probably %s", word, net_format(&net, meant));
	if (err)
		return EXPECT("networks, as 192.0.2.0/24 or 2001:db8::/32, not '%.64s'", word);
	out->at = memory_grow(out->at, out->count, sizeof(*out->at));
	out->at[out->count++] = net;
	return NULL;
}

const char *value_nets(const char *text, struct nets *out)
{
	size_t before = out->count;
	const char *wrong = value_each_word(text, out, add_net_word);

	if (wrong)
		out->count = before;
	return wrong;
}

struct choice_of_words {
	const char *const *words;
	unsigned bits;
};

static const char *add_bit(void *choice, const char *word)
{
	struct choice_of_words *c = choice;
	unsigned index;
	const char *wrong = value_choice(word, c->words, &index);

	if (!wrong)
		c->bits |= BIT(index);
	return wrong;
}

const char *value_words(const char *text, const char *const *words, unsigned *out)
{
	struct choice_of_words c = { .words = words };
	const char *wrong = value_each_word(text, &c, add_bit);

	if (!wrong)
		*out = c.bits;
	return wrong;
}

const char *value_name(const char *text)
{
	if (!*text)
		return "a name";
	for (const char *p = text; *p; p++)
		if (!isalnum((unsigned char)*p) && !strchr("-_.", *p))
			return "a name of letters, digits, '-', '_' and '.'";
	return NULL;
}

const char *value_endpoint(const char *text, struct addr *out)
{
	const char *colon = strrchr(text, ':');
	char host[ADDR_TEXT];
	uint16_t port;
	struct addr a;

	if (!colon || (size_t)(colon - text) >= sizeof(host) ||
	    !read_port(colon + 1, strlen(colon + 1), &port) || addr_parse(&a, text, 0))
		return "ADDRESS:PORT, as 127.0.0.1:9464 or [::1]:9464";
	memcpy(host, text, (size_t)(colon - text));
	host[colon - text] = '\0';
	if (!addr_parse(&a, host, port))
		return "ADDRESS:PORT, as 127.0.0.1:9464 or [::1]:9464";
	*out = a;
	return NULL;
}

const char *value_target(const char *text, struct target *out)
{
	size_t colon = strcspn(text, ":");
	uint16_t port = 0;
	char name[64];

	if (colon >= sizeof(name) ||
	    (text[colon] && !read_port(text + colon + 1, strlen(text + colon + 1), &port)))
		return "NAME or NAME:PORT of a backend";
	memcpy(name, text, colon);
	name[colon] = '\0';
	if (value_name(name))
		return "NAME or NAME:PORT of a backend";
	value_replace(&out->name, name);
	out->port = port;
	return NULL;
}
