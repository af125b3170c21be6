#include "control/present_servers.h"

#include <inttypes.h>
#include <string.h>

#include "base/bits.h"
#include "base/log.h"
#include "control/answer_servers.h"
#include "control/field.h"
#include "control/text.h"

/* The addresses, those that are down marked; a literal is its own. */
static void cell_addresses(struct table *t, const json_t *server)
{
	const json_t *list = field_array(server, "addresses"), *row;
	char words[400] = "";
	size_t i;

	json_array_foreach(list, i, row)
	{
		size_t used = strlen(words);
		bool up = !json_is_false(json_object_get(row, "up"));

		snprintf(words + used, sizeof(words) - used, "%s%.60s%s", used ? ", " : "",
			 field_text(row, "address"), up ? "" : " (down)");
	}
	table_cell(t, *words ? words : "-");
}

/* "    100.64.0.2 falling: connection refused" */
static void put_checks(struct table *t, const json_t *server)
{
	const json_t *row;
	char words[300];
	size_t i;

	json_array_foreach(field_array(server, "addresses"), i, row)
	{
		if (!json_is_string(json_object_get(row, "reason")))
			continue;
		snprintf(words, sizeof(words), "    %.60s %.20s: %.180s",
			 field_text(row, "address"), field_text(row, "check"),
			 field_text(row, "reason"));
		table_heading(t, words);
	}
}

static void put_trouble(struct table *t, const json_t *server)
{
	char words[300], age[TEXT_FIGURE];

	if (!json_is_string(json_object_get(server, "error")))
		return;
	if (json_is_integer(json_object_get(server, "age_s")))
		snprintf(words, sizeof(words), "    %.200s; addresses of %s ago",
			 field_text(server, "error"),
			 text_span(1000 * field_u64(server, "age_s"), age));
	else
		snprintf(words, sizeof(words), "    %.200s", field_text(server, "error"));
	table_heading(t, words);
}

static void put_server(struct table *t, const json_t *server)
{
	uint64_t share = field_u64(server, "share_percent");
	char words[300];

	snprintf(words, sizeof(words), "  %.280s", field_text(server, "name"));
	table_cell(t, words);
	table_cell(t, field_text(server, "state"));
	sheet_cell_count(t, server, "live");
	snprintf(words, sizeof(words), "%" PRIu64 "%s", field_u64(server, "weight"),
		 json_is_true(json_object_get(server, "backup")) ? " backup" : "");
	if (share < 100)
		snprintf(words + strlen(words), sizeof(words) - strlen(words), " (%" PRIu64 "%%)",
			 share);
	table_cell(t, words);
	cell_addresses(t, server);
	put_checks(t, server);
	put_trouble(t, server);
}

void present_servers(const struct sheet *s, const json_t *backends, bool bold)
{
	static const struct column columns[] = { { "SERVER", false },
						 { "STATE", false },
						 { "LIVE", true },
						 { "WEIGHT", true },
						 { "ADDRESSES", false } };
	const json_t *backend, *server;
	struct table t;
	size_t i, k;

	table_init(&t, columns, ARRAY_LEN(columns));
	json_array_foreach(backends, i, backend)
	{
		table_heading(&t, field_text(backend, "name"));
		json_array_foreach(field_array(backend, "servers"), k, server)
			put_server(&t, server);
	}
	table_print(&t, s->to, s->width, TABLE_FOLD, bold);
	table_finish(&t);
}

char *present_server_states(const json_t *backends, char *out, size_t size)
{
	uint64_t counts[SERVER_STATES] = { 0 };
	const json_t *backend, *server;
	size_t i, k;

	json_array_foreach(backends, i, backend)
		json_array_foreach(field_array(backend, "servers"), k,
				   server) for (size_t n = 0; n < SERVER_STATES; n++)
			counts[n] += strcmp(field_text(server, "state"), server_states[n]) == 0;
	*out = '\0';
	for (size_t n = 0; n < SERVER_STATES; n++) {
		size_t used = strlen(out);

		if (counts[n])
			snprintf(out + used, size - used, "%s%" PRIu64 " %s", used ? ", " : "",
				 counts[n], server_states[n]);
	}
	return out;
}
