#include "control/answer_tailnet.h"

#include <stdio.h>
#include <time.h>

#include "base/log.h"

/* In the order of enum tailnet_verdict. */
static const char *const verdicts[] = {
	"unknown", "online", "offline", "expired", "ghost", "twins"
};

static json_t *packed(json_t *object)
{
	if (!object)
		panic("out of memory for an answer");
	return object;
}

static json_t *stamp(time_t t)
{
	struct tm parts;
	char text[32];

	if (!t)
		return json_null();
	strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&t, &parts));
	return packed(json_string(text));
}

static json_t *node(const struct tailnet_node *n)
{
	json_t *addresses;
	char text[128];

	if (!n->naddresses)
		return json_null();
	addresses = packed(json_array());
	for (size_t i = 0; i < n->naddresses; i++)
		json_array_append_new(
			addresses, packed(json_string(addr_format_host(&n->addresses[i], text))));
	return packed(json_pack("{s:s, s:o, s:b, s:s, s:s, s:o}", "name", n->name, "addresses",
				addresses, "online", n->online, "way",
				tailnet_way(n, text, sizeof(text)), "tags", n->tags, "key_expiry",
				stamp(n->key_expiry)));
}

static json_t *nodes(const struct tailnet_view *v)
{
	json_t *list = packed(json_array());

	for (size_t i = 0; i < v->count; i++)
		json_array_append_new(list, packed(json_pack("{s:s, s:s, s:o, s:o}", "server",
							     v->names[i].host, "verdict",
							     verdicts[v->names[i].verdict], "node",
							     node(&v->names[i].use), "other",
							     node(&v->names[i].other))));
	return list;
}

json_t *answer_tailnet(struct tailnet *t)
{
	struct tailnet_view v;
	json_t *object;

	tailnet_view(t, &v);
	tailnet_look(t); /* for who asks again: the way to a node changes without a word */
	if (!v.wanted)
		object = json_null();
	else if (!v.known)
		object = packed(json_pack("{s:b, s:s, s:s}", "answers", 0, "socket",
					  tailnet_socket(t), "error", v.why));
	else
		object = packed(json_pack("{s:b, s:s, s:s, s:s, s:o, s:o}", "answers", 1, "socket",
					  tailnet_socket(t), "version", v.version, "mode",
					  v.tun ? "kernel" : "userspace", "self", node(&v.self),
					  "nodes", nodes(&v)));
	tailnet_view_finish(&v);
	return object;
}
