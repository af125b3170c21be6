#include "control/present_status.h"

#include <inttypes.h>
#include <string.h>

#include "base/bits.h"
#include "control/field.h"
#include "control/present_servers.h"
#include "control/present_tailnet.h"
#include "control/sheet.h"
#include "control/text.h"

static void put_config(const struct sheet *s, const json_t *c)
{
	const json_t *error = json_object_get(c, "last_error");

	sheet_put(s, "config", "%s, hash %s, loaded %s", field_text(c, "file"),
		  field_text(c, "hash"), field_text(c, "loaded"));
	sheet_put(s, "reloads", "%" PRIu64 " done, %" PRIu64 " failed%s%s", field_u64(c, "reloads"),
		  field_u64(c, "failed_reloads"), json_is_string(error) ? "; the last one: " : "",
		  json_is_string(error) ? json_string_value(error) : "");
}

static void put_flows(const struct sheet *s, const json_t *answer)
{
	const json_t *flows = field_object(answer, "flows"), *bytes = field_object(answer, "bytes");
	const json_t *rates = field_object(answer, "rates");
	char up[TEXT_FIGURE], down[TEXT_FIGURE], span[TEXT_FIGURE];

	sheet_put(s, "flows",
		  "%" PRIu64 " live of at most %" PRIu64 ", %" PRIu64 " accepted, %" PRIu64
		  " refused",
		  field_u64(flows, "live"), field_u64(flows, "max"), field_u64(flows, "accepted"),
		  field_u64(flows, "refused"));
	sheet_put(s, "rates", "%.1f connections/s, up %s/s, down %s/s, over the last %s",
		  field_real(rates, "connections_per_s"),
		  text_bytes(field_u64(rates, "up_bytes_per_s"), up),
		  text_bytes(field_u64(rates, "down_bytes_per_s"), down),
		  text_span(field_u64(rates, "over_ms"), span));
	sheet_put(s, "bytes", "up %s, down %s", text_bytes(field_u64(bytes, "up"), up),
		  text_bytes(field_u64(bytes, "down"), down));
	sheet_counts(s, "refused", field_object(answer, "refusals"));
	sheet_counts(s, "ended", field_object(answer, "ends"));
	sheet_counts(s, "paths", field_object(answer, "paths"));
}

static void put_process(const struct sheet *s, const json_t *answer)
{
	const json_t *log = field_object(answer, "log");

	sheet_put(s, "bans", "%" PRIu64, field_u64(answer, "bans"));
	sheet_put(s, "log", "level %s, %" PRIu64 " lines dropped", field_text(log, "level"),
		  field_u64(log, "dropped"));
	sheet_put(s, "process", "pid %" PRIu64 ", user %s, %" PRIu64 " worker%s",
		  field_u64(answer, "pid"), field_text(answer, "user"),
		  field_u64(answer, "workers"), field_u64(answer, "workers") == 1 ? "" : "s");
	sheet_put(s, "ring", "%s", field_text(answer, "ring"));
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
		sheet_cell_count(&t, row, "live");
		sheet_cell_count(&t, row, "accepted");
		sheet_cell_count(&t, row, "refused");
		sheet_cell_bytes(&t, row, "up");
		sheet_cell_bytes(&t, row, "down");
		before = row;
	}
	table_print(&t, s->to, s->width, TABLE_FOLD, bold);
	table_finish(&t);
}

/* How long a connect took, on average. */
static void cell_connect(struct table *t, const json_t *connects)
{
	const json_t *classes = field_object(connects, "classes");
	char figure[TEXT_FIGURE];
	uint64_t count = 0;
	const char *bound;
	json_t *unused;

	json_object_foreach((json_t *)classes, bound, unused)
	{
		(void)unused;
		count += field_u64(classes, bound);
	}
	table_cell(t, count ? text_span(field_u64(connects, "sum") / count, figure) : "-");
}

static void put_backends(const struct sheet *s, const json_t *list, bool bold)
{
	static const struct column columns[] = { { "BACKEND", false }, { "PROXY", false },
						 { "LIVE", true },     { "CONNECTS", true },
						 { "FAILED", true },   { "CONNECT", true },
						 { "UP", true },       { "DOWN", true } };
	const json_t *row;
	struct table t;
	size_t i;

	table_init(&t, columns, ARRAY_LEN(columns));
	json_array_foreach(list, i, row)
	{
		table_cell(&t, field_text(row, "name"));
		table_cell(&t, field_text(row, "send_proxy"));
		sheet_cell_count(&t, row, "live");
		sheet_cell_count(&t, row, "connects");
		sheet_cell_count(&t, row, "failed");
		cell_connect(&t, field_object(row, "connect_ms"));
		sheet_cell_bytes(&t, row, "up");
		sheet_cell_bytes(&t, row, "down");
	}
	table_print(&t, s->to, s->width, TABLE_FOLD, bold);
	table_finish(&t);
}

void present_status(const json_t *answer, const struct medium *medium, FILE *to)
{
	const struct sheet sheet = { .to = to,
				     .width = medium->width ? medium->width : PRESENT_WIDTH };
	char span[TEXT_FIGURE];

	sheet_put(&sheet, "edge", "tailsplice %s, %s for %s, since %s",
		  field_text(answer, "version"), field_text(answer, "state"),
		  text_span(1000 * field_u64(answer, "uptime_s"), span),
		  field_text(answer, "since"));
	put_config(&sheet, field_object(answer, "config"));
	put_flows(&sheet, answer);
	put_process(&sheet, answer);
	present_tailnet_line(&sheet, field_object(answer, "tailnet"));
	present_tailnet_interface(&sheet, field_object(answer, "tailnet_interface"));
	putc('\n', to);
	put_listeners(&sheet, field_array(answer, "listeners"), medium->bold);
	putc('\n', to);
	put_backends(&sheet, field_array(answer, "backends"), medium->bold);
	putc('\n', to);
	present_servers(&sheet, field_array(answer, "backends"), medium->bold);
	present_tailnet_nodes(&sheet, field_object(answer, "tailnet"), medium->bold);
}
