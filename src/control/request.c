#include "control/request.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/value.h"

#define BLANKS " \t"

#define LIMIT_MAX 1000000

#define SECOND	1000
#define TTL_MAX (365ull * 86400 * SECOND)

static const char *expect(char *words, size_t size, const char *what)
{
	snprintf(words, size, "%s", what);
	return words;
}

static const char *read_flow(const char *text, struct request *out, char *words, size_t size)
{
	size_t len = strlen(text);

	(void)words;
	(void)size;
	if (len < 1 || len > 16 || strspn(text, "0123456789abcdefABCDEF") != len)
		return "the id of a flow as conns and the log show it, 1 to 16 hex digits";
	out->flow = strtoull(text, NULL, 16);
	return NULL;
}

static const char *read_net(const char *text, struct request *out, char *words, size_t size)
{
	char meant[NET_TEXT];
	struct net net;
	int err = net_parse(&net, text);

	if (err == -EDOM) {
		snprintf(words, size,
			 "a network without bits behind its prefix: %s, or the address alone",
			 net_format(&net, meant));
		return words;
	}
	if (err < 0)
		return "an address or a network, like 192.0.2.7, 192.0.2.0/24 or 2001:db8::/32";
	out->net = net;
	out->has_net = true;
	return NULL;
}

static const char *read_ttl(const char *text, struct request *out, char *words, size_t size)
{
	const char *wrong = value_duration(text, SECOND, TTL_MAX, &out->ttl);

	return wrong ? expect(words, size, wrong) : NULL;
}

/* The index of the word, or -1. */
static int index_of(const char *text, const char *const *words)
{
	for (int i = 0; words[i]; i++)
		if (strcmp(words[i], text) == 0)
			return i;
	return -1;
}

static const char *read_level(const char *text, struct request *out, char *words, size_t size)
{
	static const char *const levels[] = {
		[LOG_ERROR] = "error", [LOG_WARN] = "warn", [LOG_INFO] = "info", [LOG_DEBUG] = "debug", NULL
	};
	int level = index_of(text, levels);

	(void)words;
	(void)size;
	if (level < 0)
		return "error, warn, info or debug";
	out->level = (enum log_level)level;
	out->has_level = true;
	return NULL;
}

static const char *read_sort(const char *text, struct request *out, char *words, size_t size)
{
	static const char *const sorts[] = {
		[LISTING_AGE] = "age", [LISTING_RATE] = "rate", [LISTING_BYTES] = "bytes", NULL
	};
	int sort = index_of(text, sorts);

	(void)words;
	(void)size;
	if (sort < 0)
		return "age, rate or bytes";
	out->sort = (enum listing_sort)sort;
	return NULL;
}

static const char *read_limit(const char *text, struct request *out, char *words, size_t size)
{
	uint64_t limit;
	const char *wrong = value_number(text, 0, LIMIT_MAX, false, &limit);

	if (wrong)
		return expect(words, size, wrong);
	out->limit = (uint32_t)limit;
	return NULL;
}

static const char *read_listener(const char *text, struct request *out, char *words, size_t size)
{
	(void)words;
	(void)size;
	if (value_name(text) || strlen(text) >= sizeof(out->listener))
		return "the name of a listener: letters, digits, '-', '_' and '.'";
	memcpy(out->listener, text, strlen(text) + 1);
	return NULL;
}

static const char *read_server(const char *text, struct request *out, char *words, size_t size)
{
	size_t slash = strcspn(text, "/");
	char backend[sizeof(out->backend)];

	(void)words;
	(void)size;
	if (slash >= sizeof(backend) || !text[slash] || !text[slash + 1] ||
	    strlen(text + slash + 1) >= sizeof(out->server))
		return "BACKEND/SERVER, the server as in the file: stalwart/100.64.0.2";
	memcpy(backend, text, slash);
	backend[slash] = '\0';
	if (value_name(backend))
		return "BACKEND/SERVER, with the name of a backend";
	memcpy(out->backend, backend, slash + 1);
	memcpy(out->server, text + slash + 1, strlen(text + slash + 1) + 1);
	return NULL;
}

static const char *read_drained(const char *text, struct request *out, char *words, size_t size)
{
	return strchr(text, '/') ? read_server(text, out, words, size)
				 : read_listener(text, out, words, size);
}

static const char *read_place(const char *text, struct request *out, char *words, size_t size)
{
	size_t colon = strcspn(text, ":");
	char name[sizeof(out->listener)];
	uint64_t port = 0;

	if (colon >= sizeof(name) ||
	    (text[colon] && value_number(text + colon + 1, 1, 65535, false, &port)))
		return "NAME or NAME:PORT of a listener";
	memcpy(name, text, colon);
	name[colon] = '\0';
	if (read_listener(name, out, words, size))
		return "NAME or NAME:PORT of a listener";
	out->port = (uint16_t)port;
	return NULL;
}

const struct verb verbs[VERB_COUNT] = {
	{ .name = "status",
	  .id = VERB_STATUS,
	  .flags = "[--watch]",
	  .summary = "how the edge is: configuration, listeners, backends, flows, rates, refusals",
	  .details = "--watch  a live screen: rates, listeners, the fastest flows; q ends it\n" },
	{ .name = "conns",
	  .id = VERB_CONNS,
	  .options = { { "sort", "age|rate|bytes", read_sort },
		       { "client", "ADDR[/BITS]", read_net },
		       { "listener", "NAME[:PORT]", read_place },
		       { "limit", "N", read_limit } },
	  .summary = "the live flows: the oldest, the fastest, or those that moved most",
	  .details =
		  "Sorted by age unless told otherwise, largest first; 100 of them, with --limit 0 all.\n" },
	{ .name = "kill",
	  .id = VERB_KILL,
	  .arguments = { { "ID", NULL, read_flow } },
	  .required = 1,
	  .repeats = true,
	  .summary = "resets flows, with why=killed in the log",
	  .details = "ID is the one that conns and the log show: 0000017a, or 17a.\n" },
	{ .name = "ban",
	  .id = VERB_BAN,
	  .arguments = { { "ADDR[/BITS]", NULL, read_net }, { "TTL", NULL, read_ttl } },
	  .required = 1,
	  .summary = "refuses an address or network from now on, and resets its flows",
	  .details =
		  "TTL is a time from 1s to 365d; without one it holds until unban, or the end of the process.\n" },
	{ .name = "unban",
	  .id = VERB_UNBAN,
	  .arguments = { { "ADDR[/BITS]", NULL, read_net } },
	  .required = 1,
	  .summary = "takes a ban back, named as it was given" },
	{ .name = "bans", .id = VERB_BANS, .summary = "lists what is banned, and for how long" },
	{ .name = "log-level",
	  .id = VERB_LOG_LEVEL,
	  .arguments = { { "LEVEL", NULL, read_level } },
	  .summary = "says the log level, or sets it until the next reload",
	  .details = "LEVEL is error, warn, info or debug.\n" },
	{ .name = "drain",
	  .id = VERB_DRAIN,
	  .arguments = { { "LISTENER|SERVER", NULL, read_drained } },
	  .summary =
		  "accepts no more, on one listener or on all, which ends the edge; or no more for a server",
	  .details =
		  "Live flows may end by themselves until `drain` of the configuration is over. SERVER is\n"
		  "BACKEND/SERVER as in the file: it gets no new flows, those that it has go on.\n" },
	{ .name = "ready",
	  .id = VERB_READY,
	  .arguments = { { "SERVER", NULL, read_server } },
	  .required = 1,
	  .summary = "gives a server new flows again",
	  .details = "SERVER is BACKEND/SERVER, the server as in the file.\n" },
	{ .name = "maint",
	  .id = VERB_MAINT,
	  .arguments = { { "SERVER", NULL, read_server } },
	  .required = 1,
	  .summary = "takes a server out of service: no new flows, no checks",
	  .details =
		  "SERVER is BACKEND/SERVER, the server as in the file. Flows that it has go on. It holds over\n"
		  "reloads, until `ready`.\n" },
	{ .name = "reload",
	  .id = VERB_RELOAD,
	  .summary =
		  "puts the changed file into force, or says every mistake in it and changes nothing" },
};

const struct verb *verb_find(const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(verbs); i++)
		if (strcmp(verbs[i].name, name) == 0)
			return &verbs[i];
	return NULL;
}

__attribute__((format(printf, 3, 4))) static void append(char *out, size_t size, const char *fmt,
							 ...)
{
	size_t used = strlen(out);
	va_list args;

	va_start(args, fmt);
	vsnprintf(out + used, size - used, fmt, args);
	va_end(args);
}

char *verb_usage(const struct verb *v, bool options, char *out, size_t size)
{
	*out = '\0';
	for (size_t i = 0; i < VERB_ARGUMENTS && v->arguments[i].name; i++)
		append(out, size, i < v->required ? "%s%s%s" : "%s[%s%s]", *out ? " " : "",
		       v->arguments[i].name, v->repeats ? "..." : "");
	for (size_t i = 0; options && i < VERB_OPTIONS && v->options[i].name; i++)
		append(out, size, "%s[--%s %s]", *out ? " " : "", v->options[i].name,
		       v->options[i].shown);
	if (options && v->flags)
		append(out, size, "%s%s", *out ? " " : "", v->flags);
	return out;
}

/* One of the words behind the verb, and what is known of those before it. */
struct reading {
	struct request *out;
	size_t arguments;
	unsigned options; /* bit by row */
	char *why;
	size_t size;
};

static int read_value(struct reading *r, const struct parameter *p, const char *text)
{
	const char *verb = r->out->verb->name, *wrong;
	char words[200];

	wrong = p->read(text, r->out, words, sizeof(words));
	if (!wrong)
		return 0;
	snprintf(r->why, r->size, "%s: %s '%.64s': expected %s", verb, p->name, text, wrong);
	return -EINVAL;
}

static int read_option(struct reading *r, char *word, char *equals)
{
	const struct verb *v = r->out->verb;

	*equals = '\0';
	for (size_t i = 0; i < VERB_OPTIONS && v->options[i].name; i++) {
		if (strcmp(v->options[i].name, word) != 0)
			continue;
		if (r->options & BIT(i)) {
			snprintf(r->why, r->size, "%s: %s is given twice", v->name, word);
			return -EINVAL;
		}
		r->options |= BIT(i);
		return read_value(r, &v->options[i], equals + 1);
	}
	snprintf(r->why, r->size, "%s: unknown option '%.64s': expected %s", v->name, word,
		 v->options[0].name ? "one of" : "none");
	for (size_t i = 0; i < VERB_OPTIONS && v->options[i].name; i++)
		append(r->why, r->size, " %s", v->options[i].name);
	return -EINVAL;
}

static int read_argument(struct reading *r, const char *word)
{
	const struct verb *v = r->out->verb;
	size_t at = r->arguments++;
	char usage[80];

	if (at < VERB_ARGUMENTS && v->arguments[at].name)
		return read_value(r, &v->arguments[at], word);
	if (at == 0)
		snprintf(r->why, r->size, "%s: unexpected '%.64s': it takes no argument", v->name,
			 word);
	else
		snprintf(r->why, r->size, "%s: unexpected '%.64s': expected %s and no more",
			 v->name, word, verb_usage(v, false, usage, sizeof(usage)));
	return -EINVAL;
}

static int read_words(struct reading *r, char *rest)
{
	const struct verb *v = r->out->verb;
	char *word, *equals;
	char usage[80];
	int err;

	while ((word = strsep(&rest, BLANKS))) {
		if (!*word)
			continue;
		equals = strchr(word, '=');
		err = equals ? read_option(r, word, equals) : read_argument(r, word);
		if (err < 0)
			return err;
	}
	if (r->arguments >= v->required)
		return 0;
	snprintf(r->why, r->size, "%s: an argument is missing: expected %s", v->name,
		 verb_usage(v, false, usage, sizeof(usage)));
	return -EINVAL;
}

/* The longest word that is taken for a typo of a verb. */
#define TYPO_MAX 15

/* Letters to add, drop, change or swap with their neighbour (Damerau-Levenshtein, each place once). */
static unsigned distance(const char *a, const char *b)
{
	size_t m = strlen(a), n = strlen(b);
	unsigned d[TYPO_MAX + 1][TYPO_MAX + 1];

	for (size_t i = 0; i <= m; i++) {
		for (size_t k = 0; k <= n; k++) {
			if (i == 0 || k == 0) {
				d[i][k] = (unsigned)(i + k);
				continue;
			}
			d[i][k] = min_of(d[i - 1][k], d[i][k - 1]) + 1;
			d[i][k] = min_of(d[i][k], d[i - 1][k - 1] + (a[i - 1] != b[k - 1]));
			if (i > 1 && k > 1 && a[i - 1] == b[k - 2] && a[i - 2] == b[k - 1])
				d[i][k] = min_of(d[i][k], d[i - 2][k - 2] + 1);
		}
	}
	return d[m][n];
}

/* NULL: none is near. */
static const char *nearest_verb(const char *word)
{
	const char *best = NULL;
	unsigned least = 3;

	if (strlen(word) > TYPO_MAX)
		return NULL;
	for (size_t i = 0; i < ARRAY_LEN(verbs); i++) {
		unsigned d = distance(word, verbs[i].name);

		/* Of a short word everything is near. */
		if (d < least && d < strlen(verbs[i].name) / 2) {
			least = d;
			best = verbs[i].name;
		}
	}
	return best;
}

static int refuse_verb(const char *word, char *why, size_t size)
{
	const char *nearest = nearest_verb(word);

	*why = '\0';
	if (*word)
		append(why, size, "unknown verb '%.64s': ", word);
	if (nearest)
		append(why, size, "did you mean %s? ", nearest);
	append(why, size, "expected one of");
	for (size_t i = 0; i < ARRAY_LEN(verbs); i++)
		append(why, size, " %s", verbs[i].name);
	return -EINVAL;
}

int request_parse(const char *line, size_t len, struct request *out, char *why, size_t size)
{
	struct reading r = { .out = out, .why = why, .size = size };
	char text[REQUEST_MAX], *rest = text, *word;

	*out = (struct request){ .limit = REQUEST_ROWS };
	if (len >= REQUEST_MAX) {
		snprintf(why, size, "a request is one line of at most %d bytes", REQUEST_MAX);
		return -E2BIG;
	}
	for (size_t i = 0; i < len; i++) {
		if ((line[i] < ' ' && line[i] != '\t') || line[i] > '~') {
			snprintf(
				why, size,
				"byte %zu is 0x%02x: a request has printable ASCII characters only",
				i + 1, (unsigned char)line[i]);
			return -EINVAL;
		}
	}
	memcpy(text, line, len);
	text[len] = '\0';
	rest += strspn(rest, BLANKS);
	word = strsep(&rest, BLANKS);
	out->verb = verb_find(word);
	return out->verb ? read_words(&r, rest) : refuse_verb(word, why, size);
}
