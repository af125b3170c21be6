/* Made-up machines: what the doctor says of each. A row changes one thing of a good machine, and names the line that must come. */
#include "control/checkup.h"

#include <errno.h>
#include <stdio.h>

#include "check.h"
#include "control/checkup_rows.h"

#define NOW 1795678594

static struct config config;
static struct backend_conf backend;
static struct server_conf server;
static struct listen_conf listener = { .section.name = "mail" };
static struct plan_entry entries[2];
static struct plan plan = { .at = entries, .count = 2 };
static struct tailnet_node peers[2];

static struct addr addr(const char *literal, uint16_t port)
{
	struct addr a;

	cr_assert(addr_parse(&a, literal, port), "%s", literal);
	return a;
}

static struct facts good(void)
{
	struct facts f = { .file = "a.ini",
			   .config = &config,
			   .plan = &plan,
			   .release = "6.1.0",
			   .major = 6,
			   .minor = 1,
			   .ring = "single-issuer",
			   .npaths = 1,
			   .paths = { { .name = "auto", .usable = true, .wanted = true } },
			   .nofile = 65536,
			   .max_flows = 32000,
			   .pipe_pages = 16384,
			   .port_first = 32768,
			   .port_last = 60999,
			   .clock_synchronised = true,
			   .route4 = true,
			   .route6 = true,
			   .route_mtu = 1500,
			   .socket = TAILSCALE_SOCKET,
			   .tailnet_known = true,
			   .tailnet = { .version = "1.98.3", .state = "Running", .suffix = "rig.ts.net", .tun = true, .peers = peers, .count = 1 },
			   .device = "tailscale0",
			   .device_mtu = 1280,
			   .now = NOW,
			   .npublics = 1,
			   .publics = { { .ptr = "mail.example", .confirmed = true, .naaaa = 1 } } };

	config = (struct config){ .backends = &backend, .nbackends = 1 };
	backend = (struct backend_conf){ .section.name = "box", .servers = { &server, 1 } };
	server = (struct server_conf){ .host = "tailnet:mailbox" };
	entries[0] = (struct plan_entry){ .conf = &listener, .at = addr("0.0.0.0", 25) };
	entries[1] = (struct plan_entry){ .conf = &listener, .at = addr("::", 25) };
	peers[0] = (struct tailnet_node){ .name = "mailbox.rig.ts.net", .asked = "mailbox", .online = true, .active = true,
					  .direct = "192.0.2.1:41641", .naddresses = 1, .addresses = { addr("100.64.0.2", 0) } };
	peers[1] = (struct tailnet_node){ .name = "mailbox-1.rig.ts.net", .asked = "mailbox", .online = true, .created = 9,
					  .naddresses = 1, .addresses = { addr("100.64.0.3", 0) } };
	f.tailnet.self = (struct tailnet_node){ .name = "edge.rig.ts.net", .naddresses = 1, .addresses = { addr("100.64.0.1", 0) } };
	f.nown = 2;
	f.own[0] = addr("198.51.100.7", 0);
	f.own[1] = addr("2001:db8::7", 0);
	f.publics[0].at = f.own[0];
	f.publics[0].aaaa[0] = f.own[1];
	return f;
}

#define CHANGE(name, ...)                     \
	static void name(struct facts *f)     \
	{                                     \
		(void)f;                      \
		__VA_ARGS__;                  \
	}

CHANGE(nothing, )
CHANGE(no_file, f->config = NULL; f->plan = NULL)
CHANGE(old_kernel, f->minor = 0; strcpy(f->release, "6.0.12"))
CHANGE(newer_kernel, f->major = 7; f->minor = 0)
CHANGE(no_ring, f->ring_error = -EPERM; strcpy(f->ring, "io_uring is switched off: sysctl"))
CHANGE(filtered, f->filtered = true)
CHANGE(wanted_path, f->paths[0].usable = false; strcpy(f->paths[0].missing, "no CAP_BPF"))
CHANGE(unwanted_path, f->paths[0].usable = false; f->paths[0].wanted = false; strcpy(f->paths[0].missing, "no CAP_BPF"))
CHANGE(few_descriptors, f->nofile = 1024; f->max_flows = 400)
CHANGE(no_descriptors, f->nofile = 64; f->max_flows = 0)
CHANGE(few_pipes, f->pipe_pages = 1024)
CHANGE(root_pipes, f->pipe_pages = 1024; f->pipes_unlimited = true)
CHANGE(few_ports, f->port_first = 60000)
CHANGE(clock_off, f->clock_synchronised = false)
CHANGE(absent_public, entries[0].at = addr("203.0.113.9", 25))
CHANGE(absent_tailnet, entries[0].at = addr("100.64.0.9", 587))
CHANGE(no_route4, f->route4 = false)
CHANGE(no_route6, f->route6 = false; f->publics[0].naaaa = 0)
CHANGE(narrow, f->route_mtu = 1280)
CHANGE(tailscale_off, f->socket = NULL; f->tailnet_known = false)
CHANGE(no_tailscaled, f->tailnet_known = false; strcpy(f->tailnet_why, "tailscaled does not run"))
CHANGE(not_needed, f->tailnet_known = false; server.host = "192.0.2.9"; strcpy(f->tailnet_why, "tailscaled does not run"))
CHANGE(logged_out, strcpy(f->tailnet.state, "NeedsLogin"))
CHANGE(userspace, f->tailnet.tun = false)
CHANGE(userspace_via, f->tailnet.tun = false; backend.via.host = "127.0.0.1")
CHANGE(complains, strcpy(f->tailnet.health, "not in map poll"))
CHANGE(closed_socket, strcpy(f->socket_closed, "/run/tailscale"))
CHANGE(key_gone, f->tailnet.self.key_expiry = NOW - 5)
CHANGE(key_soon, f->tailnet.self.key_expiry = NOW + 3 * 86400 + 5)
CHANGE(key_later, f->tailnet.self.key_expiry = NOW + 90 * 86400)
CHANGE(small_mtu, f->device_mtu = 1200)
CHANGE(relayed, peers[0].direct[0] = 0; strcpy(peers[0].relay, "fra"))
CHANGE(idle, peers[0].active = false)
CHANGE(offline, peers[0].online = false)
CHANGE(expired, peers[0].expired = true)
CHANGE(no_node, server.host = "tailnet:mailbux")
CHANGE(ghost, peers[0].online = false; f->tailnet.count = 2)
CHANGE(twins, f->tailnet.count = 2)
CHANGE(literal, server.host = "100.64.0.2")
CHANGE(strange_literal, server.host = "100.64.0.77")
CHANGE(named, server.host = "mailbox.rig.ts.net")
CHANGE(no_ptr, f->publics[0].ptr[0] = 0)
CHANGE(one_way_ptr, f->publics[0].confirmed = false)
CHANGE(foreign_aaaa, f->publics[0].aaaa[0] = addr("2001:db8::99", 0))
CHANGE(deaf_aaaa, plan.count = 1)
CHANGE(mute_aaaa, f->route6 = false)
CHANGE(no_aaaa, f->publics[0].naaaa = 0)
CHANGE(behind_nat, f->npublics = 0)
CHANGE(open_25, f->outbound = "mx.example")
CHANGE(blocked_25, f->outbound = "mx.example"; strcpy(f->outbound_why, "Connection timed out"))

static const struct {
	void (*change)(struct facts *f);
	const char *check;
	enum checkup_verdict verdict;
	const char *says;
} rows[] = {
	{ nothing, "configuration", CHECKUP_OK, "a.ini, 2 addresses" },
	{ no_file, "configuration", CHECKUP_WARN, "is not there" },
	{ nothing, "kernel", CHECKUP_OK, "6.1.0" },
	{ old_kernel, "kernel", CHECKUP_FAIL, "older than 6.1" },
	{ newer_kernel, "kernel", CHECKUP_OK, "6.1.0" },
	{ no_ring, "io_uring", CHECKUP_FAIL, "switched off" },
	{ filtered, "io_uring", CHECKUP_OK, "by a seccomp filter" },
	{ wanted_path, "paths", CHECKUP_FAIL, "no CAP_BPF" },
	{ unwanted_path, "paths", CHECKUP_OK, "no listener wants it: no CAP_BPF" },
	{ few_descriptors, "descriptors", CHECKUP_WARN, "only 400 connections" },
	{ no_descriptors, "descriptors", CHECKUP_FAIL, "only 0 connections" },
	{ few_pipes, "pipes", CHECKUP_WARN, "only 64" },
	{ root_pipes, "pipes", CHECKUP_OK, "no limit" },
	{ few_ports, "source-ports", CHECKUP_WARN, "only 1000 connections" },
	{ nothing, "clock", CHECKUP_OK, "synchronised" },
	{ clock_off, "clock", CHECKUP_WARN, "unsynchronised" },
	{ nothing, "listeners", CHECKUP_OK, "is there" },
	{ absent_public, "listeners", CHECKUP_FAIL, "no interface has 203.0.113.9" },
	{ absent_tailnet, "listeners", CHECKUP_WARN, "no interface has 100.64.0.9" },
	{ no_route4, "routes", CHECKUP_FAIL, "no default route for IPv4" },
	{ no_route6, "routes", CHECKUP_WARN, "no default route for IPv6" },
	{ narrow, "routes", CHECKUP_WARN, "MTU of 1280" },
	{ nothing, "tailscaled", CHECKUP_OK, "1.98.3, kernel mode; this is edge.rig.ts.net" },
	{ tailscale_off, "tailscaled", CHECKUP_WARN, "not asked" },
	{ no_tailscaled, "tailscaled", CHECKUP_FAIL, "does not run" },
	{ not_needed, "tailscaled", CHECKUP_OK, "no server needs it" },
	{ logged_out, "tailscaled", CHECKUP_FAIL, "NeedsLogin" },
	{ userspace, "tailscaled", CHECKUP_FAIL, "userspace mode" },
	{ userspace_via, "tailscaled", CHECKUP_OK, "userspace mode" },
	{ complains, "tailscaled", CHECKUP_WARN, "not in map poll" },
	{ closed_socket, "socket", CHECKUP_WARN, "/run/tailscale is not for everybody" },
	{ nothing, "node-key", CHECKUP_OK, "does not expire" },
	{ key_gone, "node-key", CHECKUP_FAIL, "has expired" },
	{ key_soon, "node-key", CHECKUP_WARN, "in 3 days" },
	{ key_later, "node-key", CHECKUP_OK, "in 90 days" },
	{ nothing, "tailnet-mtu", CHECKUP_OK, "tailscale0, 1280" },
	{ small_mtu, "tailnet-mtu", CHECKUP_FAIL, "1200" },
	{ nothing, "nodes", CHECKUP_OK, "mailbox.rig.ts.net, online, direct to 192.0.2.1:41641" },
	{ named, "nodes", CHECKUP_OK, "mailbox.rig.ts.net: mailbox.rig.ts.net" },
	{ literal, "nodes", CHECKUP_OK, "100.64.0.2: mailbox.rig.ts.net" },
	{ idle, "nodes", CHECKUP_OK, "idle" },
	{ relayed, "nodes", CHECKUP_WARN, "relayed through fra" },
	{ offline, "nodes", CHECKUP_FAIL, "is offline" },
	{ expired, "nodes", CHECKUP_FAIL, "has expired" },
	{ no_node, "nodes", CHECKUP_FAIL, "tailnet:mailbux: no such node" },
	{ strange_literal, "nodes", CHECKUP_FAIL, "100.64.0.77: no such node" },
	{ ghost, "nodes", CHECKUP_WARN, "mailbox.rig.ts.net is a ghost, mailbox-1.rig.ts.net is the live node" },
	{ twins, "nodes", CHECKUP_WARN, "two nodes asked for that name" },
	{ nothing, "ptr", CHECKUP_OK, "198.51.100.7 is mail.example, and back" },
	{ no_ptr, "ptr", CHECKUP_WARN, "no PTR record" },
	{ one_way_ptr, "ptr", CHECKUP_WARN, "does not lead back" },
	{ behind_nat, "ptr", CHECKUP_OK, "NAT" },
	{ nothing, "aaaa", CHECKUP_OK, "which is here" },
	{ foreign_aaaa, "aaaa", CHECKUP_FAIL, "which no interface has" },
	{ deaf_aaaa, "aaaa", CHECKUP_FAIL, "nothing listens on port 25" },
	{ mute_aaaa, "aaaa", CHECKUP_FAIL, "no way out" },
	{ no_aaaa, "aaaa", CHECKUP_OK, "everybody comes over IPv4" },
	{ open_25, "outbound-25", CHECKUP_OK, "mx.example greets" },
	{ blocked_25, "outbound-25", CHECKUP_WARN, "timed out" },
};

static const struct symptom *find(const struct checkup *c, const char *check, const char *says)
{
	for (size_t i = 0; i < c->count; i++)
		if (strcmp(c->at[i].check, check) == 0 && strstr(c->at[i].what, says))
			return &c->at[i];
	return NULL;
}

Test(checkup, rows)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct facts f = good();
		const struct symptom *s;
		struct checkup c;

		plan.count = 2;
		rows[i].change(&f);
		checkup_run(&c, &f);
		s = find(&c, rows[i].check, rows[i].says);
		cr_expect(s, "%s does not say '%s'", rows[i].check, rows[i].says);
		if (s)
			expect_num(s->verdict, rows[i].verdict, rows[i].says);
		/* Who is told of trouble is told what it means, and what to do. */
		for (size_t k = 0; k < c.count; k++)
			if (c.at[k].verdict != CHECKUP_OK)
				cr_expect(*c.at[k].todo, "%s: '%s' and then?", c.at[k].check, c.at[k].what);
		checkup_finish(&c);
	}
}

Test(checkup, a_good_machine)
{
	struct facts f = good();
	struct checkup c;

	plan.count = 2;
	checkup_run(&c, &f);
	expect_num(checkup_worst(&c), CHECKUP_OK, "worst");
	for (size_t i = 0; i < c.count; i++)
		expect_str(checkup_word(c.at[i].verdict), "ok", c.at[i].what);
	checkup_finish(&c);
	checkup_finish(&c);
}

/* Of whatever machine this is: nothing breaks, and what must be there is. */
Test(checkup, this_machine)
{
	struct facts f;

	facts_gather(&f, "none.ini", NULL, NULL, NULL);
	cr_expect(f.major >= 4 && *f.release, "%s", f.release);
	cr_expect(f.npaths && f.nofile && f.port_first < f.port_last, "paths, limits, ports");
	cr_expect(f.nown && facts_has(&f, &f.own[0]), "addresses");
	cr_expect(f.socket && (f.tailnet_known || *f.tailnet_why), "tailscaled, or why not");
	facts_finish(&f);
}
