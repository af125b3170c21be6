#include "control/present_tailnet.h"

#include <string.h>

#include "base/bits.h"
#include "control/field.h"

static const char *first_address(const json_t *node)
{
	const json_t *address = json_array_get(field_array(node, "addresses"), 0);

	return json_is_string(address) ? json_string_value(address) : "-";
}

void present_tailnet_line(const struct sheet *s, const json_t *tailnet)
{
	const json_t *self = field_object(tailnet, "self");

	if (!json_is_object(tailnet))
		return;
	if (json_is_true(json_object_get(tailnet, "answers")))
		sheet_put(s, "tailnet", "tailscaled %s, %s mode; this is %s, %s",
			  field_text(tailnet, "version"), field_text(tailnet, "mode"),
			  field_text(self, "name"), first_address(self));
	else
		sheet_put(s, "tailnet", "%s", field_text(tailnet, "error"));
}

void present_tailnet_interface(const struct sheet *s, const json_t *interface)
{
	const json_t *name = json_object_get(interface, "name");
	json_int_t refused = json_integer_value(json_object_get(interface, "refused"));

	if (json_is_string(name))
		sheet_put(s, "device", "%s, for tailnet addresses", json_string_value(name));
	else if (refused)
		sheet_put(s, "device",
			  "no tailnet interface: %" JSON_INTEGER_FORMAT
			  " connects to tailnet addresses refused",
			  refused);
}

/* Of the node that is used: a ghost is another one, of which there is a line below. */
static const char *state_of(const json_t *row)
{
	return field_object(row, "other") ? "online" : field_text(row, "verdict");
}

static void note_other(struct table *t, const json_t *row)
{
	const json_t *other = field_object(row, "other");
	bool ghost = strcmp(field_text(row, "verdict"), "ghost") == 0;
	char text[512];

	if (!other)
		return;
	snprintf(text, sizeof(text), "  %s: %.250s (%.60s)",
		 ghost ? "a ghost has the name" : "online, too", field_text(other, "name"),
		 first_address(other));
	table_heading(t, text);
}

void present_tailnet_nodes(const struct sheet *s, const json_t *tailnet, bool bold)
{
	static const struct column columns[] = { { "NODE", false },
						 { "ADDRESS", false },
						 { "STATE", false },
						 { "WAY", false },
						 { "KEY EXPIRES", false } };
	const json_t *list = field_array(tailnet, "nodes"), *row;
	struct table t;
	size_t i;

	if (!json_array_size(list))
		return;
	putc('\n', s->to);
	table_init(&t, columns, ARRAY_LEN(columns));
	json_array_foreach(list, i, row)
	{
		const json_t *node = field_object(row, "node");

		table_cell(&t, node ? field_text(node, "name") : field_text(row, "server"));
		table_cell(&t, first_address(node));
		table_cell(&t, state_of(row));
		table_cell(&t, field_text(node, "way"));
		table_cell(&t, json_is_string(json_object_get(node, "key_expiry"))
				       ? field_text(node, "key_expiry")
				       : "never");
		note_other(&t, row);
	}
	table_print(&t, s->to, s->width, TABLE_FOLD, bold);
	table_finish(&t);
}
