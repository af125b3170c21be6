#include "control/present.h"

#include <inttypes.h>

#include "base/bits.h"
#include "control/field.h"
#include "control/present_status.h"
#include "control/sheet.h"
#include "control/text.h"

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
		sheet_cell_span(&t, row, "age_ms");
		sheet_cell_span(&t, row, "idle_ms");
		sheet_cell_bytes(&t, row, "up");
		sheet_cell_bytes(&t, row, "down");
		sheet_cell_bytes(&t, row, "rate");
	}
	table_print(&t, to, medium->width, TABLE_CUT, medium->bold);
	table_finish(&t);
	sheet_say(to, "%zu shown, %" PRIu64 " match, %" PRIu64 " live", json_array_size(list),
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
		sheet_say(to, "no bans");
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

	sheet_say(to, "banned %s %s%s; %" PRIu64 " flow%s ended", field_text(answer, "banned"),
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

	sheet_say(to, "reloaded: %zu addresses added, %zu removed, %" PRIu64 " kept",
		  json_array_size(field_array(changed, "added")),
		  json_array_size(field_array(changed, "removed")), field_u64(changed, "kept"));
	for (size_t k = 0; k < ARRAY_LEN(keys); k++)
		json_array_foreach(field_array(changed, keys[k]), n, address)
			sheet_say(to, "%c %s", "+-"[k],
				  json_is_string(address) ? json_string_value(address) : "-");
}

static void present_drain(const json_t *answer, FILE *to)
{
	const json_t *all = json_object_get(answer, "draining");

	sheet_say(to,
		  json_is_string(all)
			  ? "draining %s: it accepts no more"
			  : "draining%s: it accepts no more, and ends with its last flow",
		  json_is_string(all) ? json_string_value(all) : "");
}

static void present_server(const json_t *answer, FILE *to)
{
	uint64_t live = field_u64(answer, "live");

	sheet_say(to, "%s/%s is %s, with %" PRIu64 " flow%s", field_text(answer, "backend"),
		  field_text(answer, "server"), field_text(answer, "state"), live,
		  live == 1 ? "" : "s");
}

void present(enum verb_id verb, const json_t *answer, const struct medium *medium, FILE *to)
{
	switch (verb) {
	case VERB_STATUS:
		present_status(answer, medium, to);
		break;
	case VERB_CONNS:
		present_conns(answer, medium, to);
		break;
	case VERB_KILL:
		sheet_say(to, "killed %s", field_text(answer, "killed"));
		break;
	case VERB_BAN:
		present_ban(answer, to);
		break;
	case VERB_UNBAN:
		sheet_say(to, "unbanned %s", field_text(answer, "unbanned"));
		break;
	case VERB_BANS:
		present_bans(answer, medium, to);
		break;
	case VERB_LOG_LEVEL:
		sheet_say(to, "log level %s", field_text(answer, "level"));
		break;
	case VERB_DRAIN:
	case VERB_READY:
	case VERB_MAINT:
		if (json_object_get(answer, "server"))
			present_server(answer, to);
		else
			present_drain(answer, to);
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
		sheet_say(to, "%s", json_string_value(text));
}

void present_complaints(const struct verb *verb, const json_t *answer, FILE *to)
{
	say_each(to, field_array(answer, "errors"));
	say_each(to, field_array(answer, "warnings"));
	if (!json_is_true(json_object_get(answer, "ok")))
		sheet_say(to, "%s: %s", verb->name, field_text(answer, "error"));
}
