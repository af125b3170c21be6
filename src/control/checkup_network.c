#include "control/checkup_rows.h"

#include <stdio.h>
#include <string.h>

#include "config/reach.h"

/* WireGuard's and UDP's headers over IPv6 around the tailnet's 1280. */
#define TUNNEL_NEEDS 1360

void check_configuration(const struct facts *f, struct checkup *c)
{
	if (f->config)
		checkup_say(c, CHECKUP_OK, "", "", "%s, %zu address%s to listen on", f->file,
			    f->plan->count, f->plan->count == 1 ? "" : "es");
	else
		checkup_say(c, CHECKUP_WARN,
			    "Only the machine is looked at, not what it is meant to serve.",
			    "tailsplice doctor -c FILE", "%s is not there", f->file);
}

static bool listens(const struct facts *f, int family, uint16_t port)
{
	for (size_t i = 0; f->plan && i < f->plan->count; i++)
		if (f->plan->at[i].at.sa.sa_family == family &&
		    addr_port(&f->plan->at[i].at) == port &&
		    reach_of_addr(&f->plan->at[i].at) == REACH_PUBLIC)
			return true;
	return false;
}

static bool listens_publicly(const struct facts *f, int family)
{
	for (size_t i = 0; f->plan && i < f->plan->count; i++)
		if (f->plan->at[i].at.sa.sa_family == family &&
		    reach_of_addr(&f->plan->at[i].at) == REACH_PUBLIC)
			return true;
	return false;
}

/* Each address once, not each port. */
static bool is_first(const struct plan *p, size_t i)
{
	struct addr at = p->at[i].at;

	for (size_t k = 0; k < i; k++) {
		addr_set_port(&at, addr_port(&p->at[k].at));
		if (addr_equal(&at, &p->at[k].at))
			return false;
	}
	return true;
}

void check_listeners(const struct facts *f, struct checkup *c)
{
	size_t absent = 0;
	char at[ADDR_TEXT];

	for (size_t i = 0; f->plan && i < f->plan->count; i++) {
		const struct plan_entry *p = &f->plan->at[i];
		bool later = reach_of_addr(&p->at) == REACH_TAILNET;

		if (addr_is_any(&p->at) || facts_has(f, &p->at) || !is_first(f->plan, i))
			continue;
		absent++;
		checkup_say(
			c, later ? CHECKUP_WARN : CHECKUP_FAIL,
			later ? "Nobody reaches this listener until tailscaled brings the address; if it is another one now, never."
			      : "The edge does not start.",
			later ? "tailscale ip tells this machine's address; an ephemeral node gets a new one with each start."
			      : "Write an address that `ip address` shows, or 0.0.0.0 and ::.",
			"listener %s: no interface has %s", p->conf->section.name,
			addr_format_host(&p->at, at));
	}
	if (f->plan && !absent)
		checkup_say(c, CHECKUP_OK, "", "", "every address they are bound to is there");
}

void check_routes(const struct facts *f, struct checkup *c)
{
	if (f->route4)
		checkup_say(c, CHECKUP_OK, "", "", "a default route for IPv4");
	else
		checkup_say(c, listens_publicly(f, AF_INET) ? CHECKUP_FAIL : CHECKUP_WARN,
			    "Clients on the internet get no answer over IPv4.",
			    "ip route; look at the network's set-up.", "no default route for IPv4");
	if (f->route6)
		checkup_say(c, CHECKUP_OK, "", "", "a default route for IPv6");
	else if (listens_publicly(f, AF_INET6))
		checkup_say(
			c, CHECKUP_WARN,
			"Senders that find an AAAA record try IPv6 first, get no answer and come late, or never.",
			"Give the machine IPv6, or publish no AAAA record for it.",
			"no default route for IPv6");
	if (f->route_mtu && f->route_mtu < TUNNEL_NEEDS && f->device_mtu)
		checkup_say(
			c, CHECKUP_WARN,
			"Full packets of the tailnet do not fit: large mails crawl or hang, small ones work.",
			"Raise the interface's MTU to 1360 or more; or lower the tailnet's (TS_DEBUG_MTU) on both ends.",
			"the way out has an MTU of %u; the tailnet's packets need %u", f->route_mtu,
			TUNNEL_NEEDS);
}

static bool is_without_public(const struct facts *f, struct checkup *c)
{
	if (f->npublics || !f->plan)
		return !f->npublics;
	if (listens(f, AF_INET, 25) || listens(f, AF_INET6, 25))
		checkup_say(
			c, CHECKUP_OK, "", "",
			"not looked at: this machine has no public address of its own (NAT), so nobody here knows it");
	return true;
}

void check_ptr(const struct facts *f, struct checkup *c)
{
	static const char means[] =
		"Mail that leaves from this address is refused or marked by many. What comes in is not affected, nor what leaves by a relay.";
	char at[ADDR_TEXT];

	if (is_without_public(f, c))
		return;
	for (size_t i = 0; i < f->npublics; i++) {
		const struct fact_public *p = &f->publics[i];

		addr_format_host(&p->at, at);
		if (!*p->ptr)
			checkup_say(
				c, CHECKUP_WARN, means,
				"Set the PTR record at the provider of the address: to the name in the server's greeting.",
				"%s has no PTR record", at);
		else if (!p->confirmed)
			checkup_say(
				c, CHECKUP_WARN, means,
				"Give that name an A (or AAAA) record with this address, or set another PTR.",
				"%s is %s, but that name does not lead back to it", at, p->ptr);
		else
			checkup_say(c, CHECKUP_OK, "", "", "%s is %s, and back", at, p->ptr);
	}
}

static void judge_aaaa(const struct facts *f, struct checkup *c, const char *name,
		       const struct addr *a)
{
	static const char means[] =
		"Senders with IPv6 try this address first; those that do not fall back to IPv4 do not deliver.";
	char at[ADDR_TEXT];

	addr_format_host(a, at);
	if (!facts_has(f, a))
		checkup_say(c, CHECKUP_FAIL, means, "Correct the AAAA record, or remove it.",
			    "%s has the AAAA %s, which no interface has", name, at);
	else if (!listens(f, AF_INET6, 25) && listens(f, AF_INET, 25))
		checkup_say(c, CHECKUP_FAIL, means,
			    "Listen on it (bind = 0.0.0.0 ::), or remove the AAAA record.",
			    "%s has the AAAA %s, where nothing listens on port 25", name, at);
	else if (!f->route6)
		checkup_say(c, CHECKUP_FAIL, means,
			    "Give the machine a default route for IPv6, or remove the AAAA record.",
			    "%s has the AAAA %s, but there is no way out for the answers", name,
			    at);
	else
		checkup_say(c, CHECKUP_OK, "", "",
			    "%s has the AAAA %s, which is here and has a way out", name, at);
}

static bool was_asked(const struct facts *f, size_t i)
{
	for (size_t k = 0; k < i; k++)
		if (strcmp(f->publics[k].ptr, f->publics[i].ptr) == 0)
			return true;
	return false;
}

void check_aaaa(const struct facts *f, struct checkup *c)
{
	for (size_t i = 0; i < f->npublics; i++) {
		const struct fact_public *p = &f->publics[i];

		if (!*p->ptr || was_asked(f, i))
			continue;
		for (size_t k = 0; k < p->naaaa; k++)
			judge_aaaa(f, c, p->ptr, &p->aaaa[k]);
		if (!p->naaaa)
			checkup_say(c, CHECKUP_OK, "", "", "%s has none: everybody comes over IPv4",
				    p->ptr);
	}
}

void check_outbound(const struct facts *f, struct checkup *c)
{
	if (!f->outbound)
		return;
	if (!*f->outbound_why)
		checkup_say(c, CHECKUP_OK, "", "", "%s greets on port 25", f->outbound);
	else
		checkup_say(
			c, CHECKUP_WARN,
			"Mail cannot leave from this machine directly: most providers block port 25 to stop spam. What comes in is not affected.",
			"Let the mail server send through a relay: a listener on the tailnet address that leads to the relay's port 587 or "
			"465 (configs/smarthost.ini).",
			"%s cannot be reached on port 25: %s", f->outbound, f->outbound_why);
}
