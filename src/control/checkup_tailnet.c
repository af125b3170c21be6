#include "control/checkup_rows.h"

#include <stdio.h>
#include <string.h>

#include "backend/tailnet.h"
#include "config/reach.h"

#define DAY	    86400
#define KEY_WARNS   (14 * DAY)
#define TAILNET_MTU 1280 /* tailscale's own, and IPv6's least */

/* A server that is in the tailnet, by its name or its address. */
static bool is_in_tailnet(const char *host)
{
	return reach_of_host(host) == REACH_TAILNET;
}

static bool needs_tailnet(const struct facts *f)
{
	for (size_t i = 0; f->config && i < f->config->nbackends; i++)
		for (size_t k = 0; k < f->config->backends[i].servers.count; k++)
			if (is_in_tailnet(f->config->backends[i].servers.at[k].host))
				return true;
	return false;
}

static bool has_via(const struct facts *f)
{
	for (size_t i = 0; f->config && i < f->config->nbackends; i++)
		if (f->config->backends[i].via.host)
			return true;
	return false;
}

void check_tailscaled(const struct facts *f, struct checkup *c)
{
	enum checkup_verdict bad = needs_tailnet(f) ? CHECKUP_FAIL : CHECKUP_OK;

	if (!f->socket)
		checkup_say(c, needs_tailnet(f) ? CHECKUP_WARN : CHECKUP_OK,
			    "A restarted mailbox is only found when DNS notices, minutes later.",
			    "Remove the line `tailscale = off`.", "not asked: tailscale = off");
	else if (!f->tailnet_known && !needs_tailnet(f))
		checkup_say(c, CHECKUP_OK, "", "", "no server needs it (%s)", f->tailnet_why);
	else if (!f->tailnet_known)
		checkup_say(
			c, bad,
			"Servers in the tailnet cannot be reached: nothing that comes in is delivered.",
			"systemctl status tailscaled; tailscale status. In a container, mount the socket and name it: tailscale = PATH.",
			"%s", f->tailnet_why);
	else if (strcmp(f->tailnet.state, "Running") != 0)
		checkup_say(
			c, bad,
			"Servers in the tailnet cannot be reached: nothing that comes in is delivered.",
			"tailscale up", "it runs, but is not connected: %s", f->tailnet.state);
	else if (!f->tailnet.tun && needs_tailnet(f) && !has_via(f))
		checkup_say(
			c, CHECKUP_FAIL,
			"In userspace mode no connection from here reaches the tailnet but through its proxy.",
			"Run tailscaled with /dev/net/tun (TS_USERSPACE=false), or with --socks5-server=127.0.0.1:1055 and write\n"
			"via = socks5://127.0.0.1:1055 in the backend.",
			"%s runs in userspace mode, and no backend has `via`", f->tailnet.version);
	else if (*f->tailnet.health)
		checkup_say(c, CHECKUP_WARN, "", "tailscale status shows all of it.",
			    "%s, %s mode; it complains: %s", f->tailnet.version,
			    f->tailnet.tun ? "kernel" : "userspace", f->tailnet.health);
	else
		checkup_say(c, CHECKUP_OK, "", "", "%s, %s mode; this is %s", f->tailnet.version,
			    f->tailnet.tun ? "kernel" : "userspace", f->tailnet.self.name);
}

void check_socket(const struct facts *f, struct checkup *c)
{
	if (!f->socket || !f->tailnet_known || !*f->socket_closed)
		return;
	checkup_say(
		c, CHECKUP_WARN,
		"Once the edge has given up root it cannot ask tailscaled, and a restarted mailbox is found late.",
		"chmod o+x the folder: reading the tailnet's state needs no privilege, and tailscaled lets nobody but root and its operator "
		"change anything.",
		"%s is not for everybody", f->socket_closed);
}

void check_key(const struct facts *f, struct checkup *c)
{
	const struct tailnet_node *self = &f->tailnet.self;
	static const char means[] =
		"When it expires, the tailnet is gone, and with it all mail, until somebody logs in again.";
	static const char todo[] =
		"Disable key expiry for this machine in the admin console, or give it a tag (tags do not expire).";
	long days = (long)(self->key_expiry - f->now) / DAY;

	if (!f->tailnet_known || !self->naddresses)
		return;
	if (self->expired || (self->key_expiry && self->key_expiry <= f->now))
		checkup_say(c, CHECKUP_FAIL, means, todo, "this machine's key has expired");
	else if (self->key_expiry && self->key_expiry - f->now < KEY_WARNS)
		checkup_say(c, CHECKUP_WARN, means, todo, "this machine's key expires in %ld days",
			    days);
	else if (self->key_expiry)
		checkup_say(c, CHECKUP_OK, "", "",
			    "this machine's key expires in %ld days; better: never", days);
	else
		checkup_say(c, CHECKUP_OK, "", "", "this machine's key does not expire");
}

void check_device(const struct facts *f, struct checkup *c)
{
	if (!*f->device)
		return;
	if (f->device_mtu < TAILNET_MTU)
		checkup_say(c, CHECKUP_FAIL,
			    "IPv6 does not work below 1280, and large mails may hang.",
			    "Leave the tailnet's MTU as it is (unset TS_DEBUG_MTU).",
			    "%s has an MTU of %u", f->device, f->device_mtu);
	else
		checkup_say(c, CHECKUP_OK, "", "", "%s, %u", f->device, f->device_mtu);
}

static void judge_use(struct checkup *c, const char *host, const struct tailnet_choice *choice)
{
	const struct tailnet_node *n = choice->use;
	char way[128];

	tailnet_way(n, way, sizeof(way));
	if (n->active && !*n->direct)
		checkup_say(
			c, CHECKUP_WARN,
			"Large mails take long: a relay gives a few MB/s at most. The edge is not the cause.",
			"Let UDP 41641 through on one of the two sides; tailscale netcheck tells more.",
			"%s: %s is %s", host, n->name, way);
	else if (!n->active)
		checkup_say(
			c, CHECKUP_OK, "", "",
			"%s: %s, online, idle: how it is reached is known once something was sent (tailsplice probe)",
			host, n->name);
	else
		checkup_say(c, CHECKUP_OK, "", "", "%s: %s, online, %s", host, n->name, way);
}

static void judge_node(struct checkup *c, const char *host, const struct tailnet_choice *choice)
{
	switch (choice->verdict) {
	case TAILNET_NO_NODE:
		checkup_say(
			c, CHECKUP_FAIL, "Nothing is delivered there.",
			"tailscale status shows the nodes that this one may see: correct the name; or let the policy grant this machine's tag\n"
			"the mail ports of that node's (configs/acl-snippet.hujson).",
			"%s: no such node", host);
		break;
	case TAILNET_EXPIRED:
		checkup_say(c, CHECKUP_FAIL, "Nothing is delivered there.",
			    "tailscale up on that machine, or disable key expiry for it.",
			    "%s: the key of %s has expired", host, choice->use->name);
		break;
	case TAILNET_OFFLINE:
		checkup_say(c, CHECKUP_FAIL, "Nothing is delivered there while it is.",
			    "Start it; tailscale status on that machine.", "%s: %s is offline",
			    host, choice->use->name);
		break;
	case TAILNET_GHOST:
		checkup_say(
			c, CHECKUP_WARN,
			"Mail flows: the live node is used. What asks MagicDNS for the name gets the ghost.",
			"Remove the ghost in the admin console; end the container gently (docker stop), so that an ephemeral node goes.",
			"%s: %s is a ghost, %s is the live node", host, choice->other->name,
			choice->use->name);
		break;
	case TAILNET_TWINS:
		checkup_say(
			c, CHECKUP_WARN,
			"If one of them is dead, its clients wait a moment before the other is tried.",
			"Remove the ghost in the admin console, or give one of them another name.",
			"%s: two nodes asked for that name and are online, %s and %s", host,
			choice->use->name, choice->other->name);
		break;
	case TAILNET_THE_NODE:
		judge_use(c, host, choice);
		break;
	}
}

static void look_at(const struct facts *f, struct checkup *c, const char *host)
{
	struct tailnet_choice choice = { TAILNET_NO_NODE, NULL, NULL };
	struct addr a;

	if (addr_parse(&a, host, 0)) {
		choice.use = tailnet_status_find(&f->tailnet, &a);
		if (choice.use)
			choice.verdict = choice.use->expired  ? TAILNET_EXPIRED
					 : choice.use->online ? TAILNET_THE_NODE
							      : TAILNET_OFFLINE;
	} else {
		tailnet_choose(&choice, &f->tailnet, host, NULL, NULL);
	}
	judge_node(c, host, &choice);
}

void check_nodes(const struct facts *f, struct checkup *c)
{
	if (!f->tailnet_known || strcmp(f->tailnet.state, "Running") != 0)
		return;
	for (size_t i = 0; f->config && i < f->config->nbackends; i++)
		for (size_t k = 0; k < f->config->backends[i].servers.count; k++)
			if (is_in_tailnet(f->config->backends[i].servers.at[k].host))
				look_at(f, c, f->config->backends[i].servers.at[k].host);
}
