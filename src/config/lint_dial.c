#include "config/lint_dial.h"

#include <string.h>

static void device_any(const struct lint *lint, const struct backend_conf *b)
{
	for (size_t i = 0; i < b->servers.count; i++) {
		const char *host = b->servers.at[i].host;

		/* A refused value leaves none. */
		if (!b->device || strcmp(b->device, "any") != 0 ||
		    reach_of_host(host) != REACH_TAILNET)
			continue;
		lint_say(
			lint, LINT_WARNING, LINT_DEVICE_ANY, lint_at_backend(b, "device"),
			"device: any lets %.64s be dialled wherever routes lead: while tailscaled is down "
			"that is the internet, in clear text; write auto, or the name of the interface",
			host);
		return;
	}
}

static bool has_source(const struct backend_conf *b, int family)
{
	for (size_t i = 0; i < b->source.count; i++)
		if (b->source.at[i].sa.sa_family == family)
			return true;
	return !b->source.count;
}

static void source_family(const struct lint *lint, const struct backend_conf *b)
{
	for (size_t i = 0; i < b->servers.count; i++) {
		const struct server_conf *s = &b->servers.at[i];
		struct addr a;

		if (b->via.host || !addr_parse(&a, s->host, 0))
			continue;
		addr_fold(&a);
		if (!has_source(b, a.sa.sa_family))
			lint_say(
				lint, LINT_ERROR, LINT_SOURCE_FAMILY, lint_at_backend(b, "source"),
				"source: %.64s cannot be dialled from there, it is %s: name a source of "
				"that family as well",
				s->host, a.sa.sa_family == AF_INET6 ? "IPv6" : "IPv4");
	}
}

static void via_public(const struct lint *lint, const struct backend_conf *b)
{
	enum reach reach = b->via.name ? reach_of_host(b->via.name) : reach_of_addr(&b->via.at);

	/* One label: a container's name. */
	if (!b->via.host || reach != REACH_PUBLIC || (b->via.name && !strchr(b->via.name, '.')))
		return;
	lint_say(
		lint, LINT_WARNING, LINT_VIA_PUBLIC, lint_at_backend(b, "via"),
		"via: %.80s is a public address: all mail goes there in clear text; run tailscaled beside "
		"this edge",
		b->via.host);
}

void lint_dial(const struct lint *lint, const struct backend_conf *b)
{
	device_any(lint, b);
	source_family(lint, b);
	via_public(lint, b);
}
