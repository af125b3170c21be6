#include "edge/guard.h"

#include "base/log.h"
#include "config/reach.h"

/* Of the address that it was reached at. */
static enum reach reach_of_socket(int fd)
{
	struct sockaddr_storage name = { 0 };
	socklen_t len = sizeof(name);
	struct addr local;

	getsockname(fd, (struct sockaddr *)&name, &len);
	addr_from_sockaddr(&local, (struct sockaddr *)&name);
	return reach_of_addr(&local);
}

/* Why it cannot be a client's; NULL: it can. */
static const char *find_fault(const struct plan_entry *plan, const struct addr *client, int fd)
{
	if (prefixes_find(plan->gateways, client))
		return "a bridge or the gateway of this machine";
	switch (reach_of_addr(client)) {
	case REACH_LOOPBACK:
		return "this machine itself";
	case REACH_TAILNET:
		/* Who came to our tailnet address is a node of the tailnet: nothing stands between. */
		return reach_of_socket(fd) == REACH_TAILNET
			       ? NULL
			       : "a carrier's NAT or a tailnet (100.64.0.0/10, fd7a:115c:a1e0::/48)";
	case REACH_PRIVATE:
		return "a private network";
	case REACH_PUBLIC:
		break;
	}
	return NULL;
}

static void tell(const struct plan_entry *plan, const struct addr *client, const char *fault)
{
	char text[ADDR_TEXT];

	if (!plan->gate || atomic_exchange(&plan->gate->guard_said, true))
		return;
	log_warn(
		"source-guard: listener %s has a client %s, %s: no such address comes from the internet, so a NAT "
		"or a port mapping in front hides who connects, and mail servers trust such addresses. Use the "
		"host's network (docker: --network host), or let what is in front send PROXY headers and name it in "
		"accept-proxy. If these clients are real, source-guard = off%s. Said once",
		plan->conf->section.name, addr_format_host(client, text), fault,
		plan->guard == GUARD_REJECT ? "; until then they are refused" : "");
}

bool guard_rejects(const struct plan_entry *plan, const struct addr *client, int fd)
{
	const char *fault = plan->guard == GUARD_OFF ? NULL : find_fault(plan, client, fd);

	if (!fault)
		return false;
	tell(plan, client, fault);
	return plan->guard == GUARD_REJECT;
}
