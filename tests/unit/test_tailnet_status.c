/* What tailscaled answers, and what it never should, as plain data. */
#include "backend/tailnet_status.h"

#include <stdio.h>
#include <stdlib.h>

#include "check.h"

static const char mailbox[] =
	"{\"Version\":\"1.98.3-t1\",\"TUN\":true,\"BackendState\":\"Running\",\"Health\":[\"one\\u001b[31m\",\"two\"],"
	"\"MagicDNSSuffix\":\"old.ts.net\",\"CurrentTailnet\":{\"MagicDNSSuffix\":\"Rig.ts.net.\",\"MagicDNSEnabled\":true},"
	"\"Self\":{\"DNSName\":\"edge.rig.ts.net.\",\"HostName\":\"edge\",\"Online\":true,\"TailscaleIPs\":[\"100.64.0.1\"],"
	"\"KeyExpiry\":\"2027-01-02T03:04:05Z\"},"
	"\"Peer\":{\"nodekey:1\":{\"DNSName\":\"Mailbox.RIG.ts.net.\",\"HostName\":\"Mailbox\",\"Online\":true,\"Active\":true,"
	"\"Tags\":[\"tag:z\",\"tag:a\"],\"TailscaleIPs\":[\"100.64.0.2\",\"fd7a:115c:a1e0::2\"],\"CurAddr\":\"198.51.100.20:41641\","
	"\"Relay\":\"rig\",\"RxBytes\":7,\"TxBytes\":9,\"Created\":\"2026-11-26T07:36:34.666682321Z\","
	"\"LastSeen\":\"0001-01-01T00:00:00Z\"},"
	"\"nodekey:2\":{\"DNSName\":\"\",\"Online\":false,\"Expired\":true,\"TailscaleIPs\":[\"100.64.0.3\"],\"PeerRelay\":\"192.0.2.1:7:vni:1\","
	"\"Relay\":\"fra\",\"LastSeen\":\"2026-11-26T08:36:34+01:00\"},"
	"\"nodekey:3\":{\"DNSName\":\"no-address.rig.ts.net.\",\"TailscaleIPs\":[]}}}";

static const struct tailnet_node *peer(const struct tailnet_status *s, const char *literal)
{
	struct addr a;

	cr_assert(addr_parse(&a, literal, 25));
	return tailnet_status_find(s, &a);
}

Test(tailnet_status, what_tailscaled_knows)
{
	struct tailnet_status s;
	const struct tailnet_node *n;

	cr_assert(tailnet_status_parse(&s, mailbox, sizeof(mailbox) - 1));
	expect_str(s.state, "Running", "state");
	expect_str(s.version, "1.98.3-t1", "version");
	expect_str(s.suffix, "rig.ts.net", "suffix");
	expect_str(s.health, "one?[31m", "health is cleaned");
	cr_expect(s.tun && s.magic_dns, "tun, magic dns");
	expect_num(s.count, 2, "a node without an address is left out");
	expect_str(s.self.name, "edge.rig.ts.net", "self");
	expect_num(s.self.key_expiry, 1798859045, "key expiry");
	n = peer(&s, "fd7a:115c:a1e0::2");
	cr_assert(n);
	expect_str(n->name, "mailbox.rig.ts.net", "name");
	expect_str(n->asked, "mailbox", "asked");
	expect_str(n->tags, "tag:a tag:z", "tags in order");
	expect_str(n->direct, "198.51.100.20:41641", "direct");
	expect_str(n->relay, "rig", "relay");
	expect_num(n->rx, 7, "rx");
	expect_num(n->tx, 9, "tx");
	expect_num(n->created, 1795678594, "created");
	expect_num(n->seen, 0, "Go's zero time");
	expect_num(n->key_expiry, 0, "never");
	cr_expect(n->online && n->active && !n->expired);
	n = peer(&s, "100.64.0.3");
	cr_assert(n);
	expect_num(n->seen, 1795678594, "seen, with an offset");
	expect_str(n->relay, "192.0.2.1:7:vni:1", "a peer relays");
	cr_expect(n->expired && !n->online);
	cr_expect(peer(&s, "100.64.0.1") == &s.self, "self by its address");
	cr_expect(!peer(&s, "100.64.0.9"), "nobody");
	tailnet_status_finish(&s);
	expect_num(s.count, 0, "finished");
}

Test(tailnet_status, what_is_none)
{
	static const char *const rows[] = {
		"",
		"x",
		"[]",
		"{}",
		"404 page not found\n",
		"{\"BackendState\":7}",
		"{\"BackendState\":\"Running\"",
		"{\"BackendState\":\"Running\"} more",
	};
	struct tailnet_status s;

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		cr_expect(!tailnet_status_parse(&s, rows[i], strlen(rows[i])), "%s", rows[i]);
		cr_expect(!s.peers && !s.count, "%s: empty", rows[i]);
	}
}

Test(tailnet_status, other_types_count_as_not_known)
{
	static const char *const rows[] = {
		"{\"BackendState\":\"Stopped\"}",
		"{\"BackendState\":\"Stopped\",\"Peer\":null,\"Self\":null,\"Health\":null,\"CurrentTailnet\":null}",
		"{\"BackendState\":\"Stopped\",\"Peer\":[1,2],\"Self\":\"me\",\"Health\":{\"a\":1},\"CurrentTailnet\":[],\"TUN\":\"yes\"}",
		"{\"BackendState\":\"Stopped\",\"Peer\":{\"a\":7,\"b\":null,\"c\":{\"TailscaleIPs\":[1,null,\"no address\"]}}}",
	};
	struct tailnet_status s;

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		cr_expect(tailnet_status_parse(&s, rows[i], strlen(rows[i])), "%s", rows[i]);
		expect_num(s.count, 0, rows[i]);
		expect_num(s.self.naddresses, 0, rows[i]);
		cr_expect(!s.tun, "%s", rows[i]);
		tailnet_status_finish(&s);
	}
}

/* Whatever is too long is cut, and more nodes than a tailnet has are not read. */
Test(tailnet_status, too_much)
{
	size_t room = 4u << 20, used;
	char *text = malloc(room), name[1001];
	struct tailnet_status s;

	memset(name, 'n', sizeof(name) - 1);
	name[sizeof(name) - 1] = 0;
	used = (size_t)snprintf(text, room, "{\"BackendState\":\"%s\",\"Peer\":{", name);
	for (unsigned i = 0; i < TAILNET_NODES_MAX + 10; i++)
		used += (size_t)snprintf(
			text + used, room - used,
			"%s\"%u\":{\"DNSName\":\"%s\",\"TailscaleIPs\":[\"100.64.0.2\",\"::1\",\"::2\",\"::3\",\"::4\"]}",
			i ? "," : "", i, i ? "a." : name);
	used += (size_t)snprintf(text + used, room - used, "}}");
	cr_assert(used < room);
	cr_assert(tailnet_status_parse(&s, text, used));
	expect_num(s.count, TAILNET_NODES_MAX, "nodes");
	expect_num(strlen(s.state), sizeof(s.state) - 1, "state is cut");
	expect_num(s.peers[0].naddresses, TAILNET_ADDRESSES, "addresses");
	tailnet_status_finish(&s);
	free(text);
}
