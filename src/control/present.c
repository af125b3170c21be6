#include "control/present.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/bits.h"
#include "base/log.h"
#include "base/memory.h"
#include "control/field.h"
#include "control/table.h"
#include "control/text.h"

/* Where the words of a status begin. */
#define INDENT 10

/* "label  words" of a status, folded. */
struct sheet {
	FILE *to;
	size_t width;
};

static char *words_of(const char *fmt, va_list args)
{
	char *words;

	if (vasprintf(&words, fmt, args) < 0)
		panic("out of memory");
	return text_clean(words);
}

__attribute__((format(printf, 3, 4))) static void put(const struct sheet *s, const char *label,
						      const char *fmt, ...)
{
	va_list args;
	char *words;

	va_start(args, fmt);
	words = words_of(fmt, args);
	va_end(args);
	text_field(s->to, label, INDENT, s->width, words);
	free(words);
}

__attribute__((format(printf, 2, 3))) static void say(FILE *to, const char *fmt, ...)
{
	va_list args;
	char *words;

	va_start(args, fmt);
	words = words_of(fmt, args);
	va_end(args);
	fprintf(to, "%s\n", words);
	free(words);
}

/* {"idle": 3, "drain": 1} as "idle 3, drain 1". */
static void put_counts(const struct sheet *s, const char *label, const json_t *counts)
{
	char *words, figure[TEXT_FIGURE];
	const char *name;
	size_t length;
	FILE *scratch = open_memstream(&words, &length);
	json_t *n;

	if (!scratch)
		panic("out of memory");
	json_object_foreach((json_t *)counts, name, n)
		fprintf(scratch, "%s%s %s", ftell(scratch) ? ", " : "", name,
			text_count((uint64_t)max_of(json_integer_value(n), (json_int_t)0), figure));
	if (fclose(scratch) != 0)
		panic("out of memory");
	put(s, label, "%s", *words ? words : "none");
	free(words);
}

static void put_config(const struct sheet *s, const json_t *c)
{
	const json_t *error = json_object_get(c, "last_error");

	put(s, "config", "%s, hash %s, loaded %s", field_text(c, "file"), field_text(c, "hash"),
	    field_text(c, "loaded"));
	put(s, "reloads", "%" PRIu64 " done, %" PRIu64 " failed%s%s", field_u64(c, "reloads"),
	    field_u64(c, "failed_reloads"), json_is_string(error) ? "; the last one: " : "",
	    json_is_string(error) ? json_string_value(error) : "");
}

static void put_flows(const struct sheet *s, const json_t *answer)
{
	const json_t *flows = field_object(answer, "flows"), *bytes = field_object(answer, "bytes");
	const json_t *rates = field_object(answer, "rates");
	char up[TEXT_FIGURE], down[TEXT_FIGURE], span[TEXT_FIGURE];

	put(s, "flows",
	    "%" PRIu64 " live of at most %" PRIu64 ", %" PRIu64 " accepted, %" PRIu64 " refused",
	    field_u64(flows, "live"), field_u64(flows, "max"), field_u64(flows, "accepted"),
	    field_u64(flows, "refused"));
	put(s, "rates", "%.1f connections/s, up %s/s, down %s/s, over the last %s",
	    field_real(rates, "connections_per_s"),
	    text_bytes(field_u64(rates, "up_bytes_per_s"), up),
	    text_bytes(field_u64(rates, "down_bytes_per_s"), down),
	    text_span(field_u64(rates, "over_ms"), span));
	put(s, "bytes", "up %s, down %s", text_bytes(field_u64(bytes, "up"), up),
	    text_bytes(field_u64(bytes, "down"), down));
	put_counts(s, "refused", field_object(answer, "refusals"));
	put_counts(s, "ended", field_object(answer, "ends"));
	put_counts(s, "paths", field_object(answer, "paths"));
}

static void put_process(const struct sheet *s, const json_t *answer)
{
	const json_t *log = field_object(answer, "log");

	put(s, "bans", "%" PRIu64, field_u64(answer, "bans"));
	put(s, "log", "level %s, %" PRIu64 " lines dropped", field_text(log, "level"),
	    field_u64(log, "dropped"));
	put(s, "process", "pid %" PRIu64 ", user %s, %" PRIu64 " worker%s",
	    field_u64(answer, "pid"), field_text(answer, "user"), field_u64(answer, "workers"),
	    field_u64(answer, "workers") == 1 ? "" : "s");
	put(s, "ring", "%s", field_text(answer, "ring"));
}

static void cell_count(struct table *t, const json_t *row, const char *key)
{
	char figure[TEXT_FIGURE];

	table_cell(t, text_count(field_u64(row, key), figure));
}

static void cell_bytes(struct table *t, const json_t *row, const char *key)
{
	char figure[TEXT_FIGURE];

	table_cell(t, text_bytes(field_u64(row, key), figure));
}

static void cell_span(struct table *t, const json_t *row, const char *key)
{
	char figure[TEXT_FIGURE];

	table_cell(t, text_span(field_u64(row, key), figure));
}

static bool same(const json_t *a, const json_t *b, const char *key)
{
	return a && strcmp(field_text(a, key), field_text(b, key)) == 0;
}

/* "mail -> stalwart" above its addresses; in two lines when it would be cut. */
static void head_listener(struct table *t, const json_t *row, size_t width)
{
	const char *name = field_text(row, "name"), *backend = field_text(row, "backend");
	char text[256];

	snprintf(text, sizeof(text), "%.100s -> %.100s", name, backend);
	if (text_columns(text) > width) {
		table_heading(t, name);
		snprintf(text, sizeof(text), "  -> %.100s", backend);
	}
	table_heading(t, text);
}

static void put_listeners(const struct sheet *s, const json_t *list, bool bold)
{
	static const struct column columns[] = { { "LISTENER", false }, { "STATE", false },
						 { "LIVE", true },	{ "ACCEPTED", true },
						 { "REFUSED", true },	{ "UP", true },
						 { "DOWN", true } };
	const json_t *before = NULL, *row;
	char address[256];
	struct table t;
	size_t i;

	table_init(&t, columns, ARRAY_LEN(columns));
	json_array_foreach(list, i, row)
	{
		if (!same(before, row, "name") || !same(before, row, "backend"))
			head_listener(&t, row, s->width);
		snprintf(address, sizeof(address), "  %.200s", field_text(row, "address"));
		table_cell(&t, address);
		table_cell(&t, field_text(row, "state"));
		cell_count(&t, row, "live");
		cell_count(&t, row, "accepted");
		cell_count(&t, row, "refused");
		cell_bytes(&t, row, "up");
		cell_bytes(&t, row, "down");
		before = row;
	}
	table_print(&t, s->to, s->width, TABLE_FOLD, bold);
	table_finish(&t);
}

static void put_backends(const struct sheet *s, const json_t *list, bool bold)
{
	static const struct column columns[] = { { "BACKEND", false }, { "PROXY", false },
						 { "LIVE", true },     { "CONNECTS", true },
						 { "FAILED", true },   { "UP", true },
						 { "DOWN", true } };
	const json_t *row, *server;
	struct table t;
	char text[256];
	size_t i, n;

	table_init(&t, columns, ARRAY_LEN(columns));
	json_array_foreach(list, i, row)
	{
		table_cell(&t, field_text(row, "name"));
		table_cell(&t, field_text(row, "send_proxy"));
		cell_count(&t, row, "live");
		cell_count(&t, row, "connects");
		cell_count(&t, row, "failed");
		cell_bytes(&t, row, "up");
		cell_bytes(&t, row, "down");
		json_array_foreach(field_array(row, "servers"), n, server)
		{
			snprintf(text, sizeof(text), "  %.200s",
				 json_is_string(server) ? json_string_value(server) : "-");
			table_heading(&t, text);
		}
	}
	table_print(&t, s->to, s->width, TABLE_FOLD, bold);
	table_finish(&t);
}

static void present_status(const json_t *answer, const struct medium *medium, FILE *to)
{
	const struct sheet sheet = { .to = to,
				     .width = medium->width ? medium->width : PRESENT_WIDTH };
	char span[TEXT_FIGURE];

	put(&sheet, "edge", "tailsplice %s, %s for %s, since %s", field_text(answer, "version"),
	    field_text(answer, "state"), text_span(1000 * field_u64(answer, "uptime_s"), span),
	    field_text(answer, "since"));
	put_config(&sheet, field_object(answer, "config"));
	put_flows(&sheet, answer);
	put_process(&sheet, answer);
	putc('\n', to);
	put_listeners(&sheet, field_array(answer, "listeners"), medium->bold);
	putc('\n', to);
	put_backends(&sheet, field_array(answer, "backends"), medium->bold);
}

static void present_conns(const json_t *answer, const struct medium *medium, FILE *to)
{
	static const struct column columns[] = { { "ID", false },     { "LISTENER", false },
						 { "CLIENT", false }, { "BACKEND", false },
						 { "SERVER", false }, { "PATH", false },
						 { "STATE", false },  { "AGE", true },
						 { "IDLE", true },    { "UP", true },
						 { "DOWN", true },    { "RATE/s", true } };
	const json_t *list = field_array(answer, "conns"), *row;
	struct table t;
	size_t i;

	table_init(&t, columns, ARRAY_LEN(columns));
	json_array_foreach(list, i, row)
	{
		for (size_t c = 0; c < 7; c++)
			table_cell(&t, field_text(row,
						  (const char *const[]){ "id", "listener", "client",
									 "backend", "server",
									 "path", "state" }[c]));
		cell_span(&t, row, "age_ms");
		cell_span(&t, row, "idle_ms");
		cell_bytes(&t, row, "up");
		cell_bytes(&t, row, "down");
		cell_bytes(&t, row, "rate");
	}
	table_print(&t, to, medium->width, TABLE_CUT, medium->bold);
	table_finish(&t);
	say(to, "%zu shown, %" PRIu64 " match, %" PRIu64 " live", json_array_size(list),
	    field_u64(answer, "matched"), field_u64(answer, "total"));
}

static void present_bans(const json_t *answer, const struct medium *medium, FILE *to)
{
	static const struct column columns[] = { { "NETWORK", false },
						 { "LEFT", true },
						 { "SINCE", false } };
	const json_t *list = field_array(answer, "bans"), *row;
	char span[TEXT_FIGURE];
	struct table t;
	size_t i;

	if (json_array_size(list) == 0) {
		say(to, "no bans");
		return;
	}
	table_init(&t, columns, ARRAY_LEN(columns));
	json_array_foreach(list, i, row)
	{
		table_cell(&t, field_text(row, "net"));
		table_cell(&t, json_is_integer(json_object_get(row, "ttl_s"))
				       ? text_span(1000 * field_u64(row, "ttl_s"), span)
				       : "-");
		table_cell(&t, field_text(row, "since"));
	}
	table_print(&t, to, medium->width, TABLE_CUT, medium->bold);
	table_finish(&t);
}

static void present_ban(const json_t *answer, FILE *to)
{
	uint64_t ended = field_u64(answer, "ended");
	char span[TEXT_FIGURE];

	say(to, "banned %s %s%s; %" PRIu64 " flow%s ended", field_text(answer, "banned"),
	    json_is_integer(json_object_get(answer, "ttl_s")) ? "for " : "until unban",
	    json_is_integer(json_object_get(answer, "ttl_s"))
		    ? text_span(1000 * field_u64(answer, "ttl_s"), span)
		    : "",
	    ended, ended == 1 ? "" : "s");
}

static void present_reload(const json_t *answer, FILE *to)
{
	static const char *const keys[] = { "added", "removed" };
	const json_t *changed = field_object(answer, "changed"), *address;
	size_t n;

	say(to, "reloaded: %zu addresses added, %zu removed, %" PRIu64 " kept",
	    json_array_size(field_array(changed, "added")),
	    json_array_size(field_array(changed, "removed")), field_u64(changed, "kept"));
	for (size_t k = 0; k < ARRAY_LEN(keys); k++)
		json_array_foreach(field_array(changed, keys[k]), n, address)
			say(to, "%c %s", "+-"[k],
			    json_is_string(address) ? json_string_value(address) : "-");
}

void present(enum verb_id verb, const json_t *answer, const struct medium *medium, FILE *to)
{
	const json_t *all = json_object_get(answer, "draining");

	switch (verb) {
	case VERB_STATUS:
		present_status(answer, medium, to);
		break;
	case VERB_CONNS:
		present_conns(answer, medium, to);
		break;
	case VERB_KILL:
		say(to, "killed %s", field_text(answer, "killed"));
		break;
	case VERB_BAN:
		present_ban(answer, to);
		break;
	case VERB_UNBAN:
		say(to, "unbanned %s", field_text(answer, "unbanned"));
		break;
	case VERB_BANS:
		present_bans(answer, medium, to);
		break;
	case VERB_LOG_LEVEL:
		say(to, "log level %s", field_text(answer, "level"));
		break;
	case VERB_DRAIN:
		say(to,
		    json_is_string(all)
			    ? "draining %s: it accepts no more"
			    : "draining%s: it accepts no more, and ends with its last flow",
		    json_is_string(all) ? json_string_value(all) : "");
		break;
	default:
		present_reload(answer, to);
		break;
	}
}

static void say_each(FILE *to, const json_t *list)
{
	const json_t *text;
	size_t i;

	json_array_foreach(list, i, text) if (json_is_string(text))
		say(to, "%s", json_string_value(text));
}

void present_complaints(const struct verb *verb, const json_t *answer, FILE *to)
{
	say_each(to, field_array(answer, "errors"));
	say_each(to, field_array(answer, "warnings"));
	if (!json_is_true(json_object_get(answer, "ok")))
		say(to, "%s: %s", verb->name, field_text(answer, "error"));
}
