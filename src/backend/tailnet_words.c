#include "backend/tailnet_words.h"

#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "config/model.h"

static void describe_host(char *out, size_t size, const struct tailnet_node *n)
{
	char at[ADDR_TEXT];

	snprintf(out, size, "%s (%s)", n->name, addr_format_host(&n->addresses[0], at));
}

void tailnet_log(const struct tailnet_wanted *w, const char *suffix)
{
	char use[TAILNET_NAME + ADDR_TEXT], other[TAILNET_NAME + ADDR_TEXT];

	describe_host(use, sizeof(use), &w->use);
	describe_host(other, sizeof(other), &w->other);
	switch (w->verdict) {
	case TAILNET_THE_NODE:
		log_info("%s is %s, online", w->host, use);
		break;
	case TAILNET_OFFLINE:
		log_warn("%s is %s, which the tailnet's control server says is offline", w->host,
			 use);
		break;
	case TAILNET_EXPIRED:
		log_warn(
			"%s is %s, whose key has expired: no node can reach it; renew it in the admin console, or run "
			"`tailscale up` there",
			w->host, use);
		break;
	case TAILNET_GHOST:
		log_warn(
			"%s: the node of that name, %s, is a ghost: offline, or expired. %s asked for the same name, has the same tags and is online: it is "
			"used. Remove the ghost in the admin console, or end the container gently so that its node goes",
			w->host, other, use);
		break;
	case TAILNET_TWINS:
		log_warn(
			"%s: two nodes asked for that name and are online, %s and %s; %s is used, the other one if it does not answer. Remove the "
			"ghost, or give one another name",
			w->host, use, other, w->use.name);
		break;
	case TAILNET_NO_NODE:
		if (server_node(w->host))
			log_warn(
				"%s: no node of that name in the tailnet %s; or its policy lets this edge reach none of that node's ports, then it is "
				"not shown",
				w->host, suffix);
		break;
	}
}

char *tailnet_way(const struct tailnet_node *n, char *out, size_t size)
{
	if (!n->active)
		snprintf(out, size, "idle");
	else if (*n->direct)
		snprintf(out, size, "direct to %s", n->direct);
	else
		snprintf(out, size, "relayed through %s", *n->relay ? n->relay : "?");
	return out;
}
