/* Networks read and written, and what is within them. */
#include "base/net.h"

#include <errno.h>

#include "base/bits.h"
#include "check.h"

static struct net read_net(const char *text)
{
	struct net n = { 0 };

	cr_assert(net_parse(&n, text) == 0, "%s", text);
	return n;
}

static struct addr read_addr(const char *text, uint16_t port)
{
	struct addr a = { 0 };

	cr_assert(addr_parse(&a, text, port), "%s", text);
	return a;
}

Test(net, literals)
{
	static const struct {
		const char *text;
		int result;
		const char *written; /* when EDOM: what was meant */
		int family;
		unsigned bits;
	} rows[] = {
		{ "192.0.2.0/24", 0, "192.0.2.0/24", AF_INET, 24 },
		{ "192.0.2.1", 0, "192.0.2.1", AF_INET, 32 },
		{ "192.0.2.1/32", 0, "192.0.2.1", AF_INET, 32 },
		{ "0.0.0.0/0", 0, "0.0.0.0/0", AF_INET, 0 },
		{ "0.0.0.0", 0, "0.0.0.0", AF_INET, 32 },
		{ "128.0.0.0/1", 0, "128.0.0.0/1", AF_INET, 1 },
		{ "255.255.255.254/31", 0, "255.255.255.254/31", AF_INET, 31 },
		{ "2001:db8::/32", 0, "2001:db8::/32", AF_INET6, 32 },
		{ "2001:DB8:0::/32", 0, "2001:db8::/32", AF_INET6, 32 },
		{ "2001:db8::1", 0, "2001:db8::1", AF_INET6, 128 },
		{ "2001:db8::1/128", 0, "2001:db8::1", AF_INET6, 128 },
		{ "::/0", 0, "::/0", AF_INET6, 0 },
		{ "fe80::/10", 0, "fe80::/10", AF_INET6, 10 },
		{ "::ffff:192.0.2.1", 0, "192.0.2.1", AF_INET, 32 },
		{ "::ffff:192.0.2.0/120", 0, "192.0.2.0/24", AF_INET, 24 },
		{ "::ffff:0:0/96", 0, "0.0.0.0/0", AF_INET, 0 },
		{ "::fffe:0:0/96", 0, "::fffe:0:0/96", AF_INET6, 96 },
		{ "2001:db8:1111:2222:3333:4444:5555:6666/128", 0,
		  "2001:db8:1111:2222:3333:4444:5555:6666", AF_INET6, 128 },
		{ "2001:db8:1111:2222:3333:4444:5555:6664/126", 0,
		  "2001:db8:1111:2222:3333:4444:5555:6664/126", AF_INET6, 126 },
		{ "192.0.2.1/24", -EDOM, "192.0.2.0/24", AF_INET, 24 },
		{ "192.0.2.255/31", -EDOM, "192.0.2.254/31", AF_INET, 31 },
		{ "1.0.0.0/0", -EDOM, "0.0.0.0/0", AF_INET, 0 },
		{ "2001:db8::1/64", -EDOM, "2001:db8::/64", AF_INET6, 64 },
		{ "2001:db8::1/127", -EDOM, "2001:db8::/127", AF_INET6, 127 },
		{ "::ffff:192.0.2.7/120", -EDOM, "192.0.2.0/24", AF_INET, 24 },
	};
	char text[NET_TEXT];

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct net n, again;

		expect_num(net_parse(&n, rows[i].text), rows[i].result, rows[i].text);
		expect_num(n.base.sa.sa_family, rows[i].family, rows[i].text);
		expect_num(n.bits, rows[i].bits, rows[i].text);
		expect_num(addr_port(&n.base), 0, rows[i].text);
		expect_str(net_format(&n, text), rows[i].written, rows[i].text);
		again = read_net(text);
		cr_expect(net_equal(&n, &again), "%s: written and read again", rows[i].text);
	}
}

Test(net, junk_is_refused_and_changes_nothing)
{
	static const char *const rows[] = {
		"",
		"/",
		"/24",
		"192.0.2.0/",
		"192.0.2.0/33",
		"192.0.2.0/-1",
		"192.0.2.0/+8",
		"192.0.2.0/ 8",
		"192.0.2.0/8 ",
		"192.0.2.0 /8",
		"192.0.2.0/24/24",
		"192.0.2.0//24",
		"192.0.2.0/255.255.255.0",
		"192.0.2.0/0x8",
		"192.0.2.0/9999999999999999999999",
		"192.0.2/24",
		"192.0.2.0:25/24",
		"10/8",
		"2001:db8::/129",
		"2001:db8::/256",
		"2001:db8::/a",
		"[2001:db8::]/32",
		"[2001:db8::1]",
		"fe80::1%lo",
		"fe80::%lo/10",
		"localhost",
		"mail.example.com/24",
		"\xff/8",
		"1111111111111111111111111111111111111111111111111111111111111111111111111111111111/8",
	};
	struct net n, before;

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		memset(&n, 0xa5, sizeof(n));
		before = n;
		expect_num(net_parse(&n, rows[i]), -EINVAL, rows[i]);
		cr_expect(memcmp(&n, &before, sizeof(n)) == 0, "'%s' changed it", rows[i]);
	}
}

Test(net, contains)
{
	static const struct {
		const char *net, *addr;
		bool within;
	} rows[] = {
		{ "192.0.2.0/24", "192.0.2.0", true },
		{ "192.0.2.0/24", "192.0.2.255", true },
		{ "192.0.2.0/24", "192.0.3.0", false },
		{ "192.0.2.0/24", "192.0.1.255", false },
		{ "192.0.2.0/24", "::ffff:192.0.2.9", true },
		{ "192.0.2.0/24", "::192.0.2.9", false },
		{ "192.0.2.7", "192.0.2.7", true },
		{ "192.0.2.7", "192.0.2.6", false },
		{ "0.0.0.0/0", "255.255.255.255", true },
		{ "0.0.0.0/0", "::1", false },
		{ "::/0", "2001:db8::1", true },
		{ "::/0", "192.0.2.1", false },
		{ "::/0", "::ffff:192.0.2.1", false },
		{ "2001:db8::/33", "2001:db8:7fff::1", true },
		{ "2001:db8::/33", "2001:db8:8000::", false },
		{ "2001:db8::1", "2001:db8::1", true },
		{ "2001:db8::1", "2001:db8::2", false },
		{ "fe80::/10", "fe80::1%lo", true },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct net n = read_net(rows[i].net);
		struct addr a = read_addr(rows[i].addr, 25);

		cr_expect(net_contains(&n, &a) == rows[i].within, "%s and %s", rows[i].net,
			  rows[i].addr);
	}
}

Test(net, unknown_address_is_nowhere)
{
	struct net v4 = read_net("0.0.0.0/0"), v6 = read_net("::/0");
	struct addr a = { 0 };

	cr_expect(!net_contains(&v4, &a));
	cr_expect(!net_contains(&v6, &a));
}

Test(net, covers_and_equal)
{
	static const struct {
		const char *outer, *inner;
		bool covers, equal;
	} rows[] = {
		{ "192.0.2.0/24", "192.0.2.0/24", true, true },
		{ "192.0.2.0/24", "192.0.2.0/25", true, false },
		{ "192.0.2.0/24", "192.0.2.128/25", true, false },
		{ "192.0.2.0/25", "192.0.2.0/24", false, false },
		{ "192.0.2.0/25", "192.0.2.128/25", false, false },
		{ "0.0.0.0/0", "192.0.2.1", true, false },
		{ "0.0.0.0/0", "::/0", false, false },
		{ "::/0", "0.0.0.0/0", false, false },
		{ "::/0", "2001:db8::/32", true, false },
		{ "2001:db8::/32", "2001:db8:1::/48", true, false },
		{ "2001:db8::/32", "2001:db9::/48", false, false },
		{ "2001:db8::1", "2001:db8::1/128", true, true },
		{ "192.0.2.1", "::ffff:192.0.2.1", true, true },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct net outer = read_net(rows[i].outer), inner = read_net(rows[i].inner);

		cr_expect(net_covers(&outer, &inner) == rows[i].covers, "%s covers %s",
			  rows[i].outer, rows[i].inner);
		cr_expect(net_equal(&outer, &inner) == rows[i].equal, "%s equals %s", rows[i].outer,
			  rows[i].inner);
		cr_expect(net_equal(&inner, &outer) == rows[i].equal, "%s equals %s", rows[i].inner,
			  rows[i].outer);
	}
}

Test(net, key_is_in_network_order)
{
	static const struct {
		const char *addr;
		uint8_t key[16];
	} rows[] = {
		{ "192.0.2.1", { [10] = 0xff, 0xff, 192, 0, 2, 1 } },
		{ "::ffff:192.0.2.1", { [10] = 0xff, 0xff, 192, 0, 2, 1 } },
		{ "2001:db8::1", { 0x20, 0x01, 0x0d, 0xb8, [15] = 1 } },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct addr a = read_addr(rows[i].addr, 25);
		uint8_t key[16];

		net_key(&a, key);
		cr_expect(memcmp(key, rows[i].key, sizeof(key)) == 0, "%s", rows[i].addr);
	}
}
