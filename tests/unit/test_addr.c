/* Literals read and written, folded and compared. */
#include "base/addr.h"

#include <net/if.h>
#include <stdio.h>
#include <sys/un.h>

#include "base/bits.h"
#include "check.h"

static struct addr read_addr(const char *text, uint16_t port)
{
	struct addr a = { 0 };

	cr_assert(addr_parse(&a, text, port), "%s", text);
	return a;
}

Test(addr, literals)
{
	static const struct {
		const char *text;
		uint16_t port;
		int family;
		const char *written, *host;
	} rows[] = {
		{ "192.0.2.1", 25, AF_INET, "192.0.2.1:25", "192.0.2.1" },
		{ "0.0.0.0", 0, AF_INET, "0.0.0.0:0", "0.0.0.0" },
		{ "255.255.255.255", 65535, AF_INET, "255.255.255.255:65535", "255.255.255.255" },
		{ "2001:db8::1", 25, AF_INET6, "[2001:db8::1]:25", "2001:db8::1" },
		{ "[2001:db8::1]", 587, AF_INET6, "[2001:db8::1]:587", "2001:db8::1" },
		{ "2001:0DB8:0:0::0001", 1, AF_INET6, "[2001:db8::1]:1", "2001:db8::1" },
		{ "::", 0, AF_INET6, "[::]:0", "::" },
		{ "::ffff:192.0.2.1", 25, AF_INET6, "[::ffff:192.0.2.1]:25", "::ffff:192.0.2.1" },
		{ "fe80::1%lo", 25, AF_INET6, "[fe80::1%lo]:25", "fe80::1%lo" },
		{ "[fe80::1%lo]", 25, AF_INET6, "[fe80::1%lo]:25", "fe80::1%lo" },
		{ "2001:db8:1111:2222:3333:4444:5555:6666", 65535, AF_INET6,
		  "[2001:db8:1111:2222:3333:4444:5555:6666]:65535",
		  "2001:db8:1111:2222:3333:4444:5555:6666" },
	};
	char text[ADDR_TEXT];

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct addr a = read_addr(rows[i].text, rows[i].port);

		expect_num(a.sa.sa_family, rows[i].family, rows[i].text);
		expect_num(addr_port(&a), rows[i].port, rows[i].text);
		expect_str(addr_format(&a, text), rows[i].written, rows[i].text);
		expect_str(addr_format_host(&a, text), rows[i].host, rows[i].text);
	}
}

Test(addr, junk_is_refused_and_changes_nothing)
{
	static const char *const rows[] = {
		"",
		" ",
		"25",
		"1.2.3",
		"127.1",
		"0x7f000001",
		"192.0.2.256",
		"192.0.2.1.",
		"192.0.2.01",
		"192.0.2.1:25",
		" 192.0.2.1",
		"192.0.2.1 ",
		"192.0.2.1/32",
		"[192.0.2.1]",
		"localhost",
		"mail.example.com",
		"[",
		"[]",
		"[::1",
		"::1]",
		"[[::1]]",
		"[::1]:25",
		":",
		":::",
		"1:2:3",
		"2001:db8::1/64",
		"2001:db8::g",
		"::1 ",
		"fe80::1%",
		"fe80::1%no-such-if0",
		"\xff\xff",
		"2001:db8:1111:2222:3333:4444:5555:6666:7777",
		"fe80::1%aninterfacewhosenameislongerthananyinterfacemaybeinlinuxoranywhereelseatallxxxx",
	};
	struct addr a, before;

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		memset(&a, 0xa5, sizeof(a));
		before = a;
		cr_expect(!addr_parse(&a, rows[i], 25), "'%s' is no address", rows[i]);
		cr_expect(memcmp(&a, &before, sizeof(a)) == 0, "'%s' changed it", rows[i]);
	}
}

Test(addr, scope_is_the_interface)
{
	struct addr a = read_addr("fe80::1%lo", 25), b = read_addr("fe80::1", 25);

	expect_num(a.v6.sin6_scope_id, if_nametoindex("lo"), "scope");
	cr_expect(!addr_equal(&a, &b), "one has a scope, the other has none");
}

Test(addr, fold)
{
	static const struct {
		const char *text, *folded;
	} rows[] = {
		{ "::ffff:192.0.2.1", "192.0.2.1:25" },
		{ "::ffff:0.0.0.0", "0.0.0.0:25" },
		{ "192.0.2.1", "192.0.2.1:25" },
		{ "2001:db8::1", "[2001:db8::1]:25" },
		{ "::192.0.2.1", "[::192.0.2.1]:25" },
		{ "64:ff9b::192.0.2.1", "[64:ff9b::c000:201]:25" },
		{ "::1", "[::1]:25" },
		{ "::fffe:c000:201", "[::fffe:c000:201]:25" },
	};
	char text[ADDR_TEXT];

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct addr a = read_addr(rows[i].text, 25), twice;

		addr_fold(&a);
		expect_str(addr_format(&a, text), rows[i].folded, rows[i].text);
		twice = a;
		addr_fold(&twice);
		cr_expect(addr_equal(&a, &twice), "%s: folding again changed it", rows[i].text);
	}
}

Test(addr, equal)
{
	static const struct {
		const char *a;
		uint16_t a_port;
		const char *b;
		uint16_t b_port;
		bool equal;
	} rows[] = {
		{ "192.0.2.1", 25, "192.0.2.1", 25, true },
		{ "192.0.2.1", 25, "192.0.2.1", 26, false },
		{ "192.0.2.1", 25, "192.0.2.2", 25, false },
		{ "::1", 25, "[0:0::1]", 25, true },
		{ "::1", 25, "::1", 26, false },
		{ "2001:db8::1", 25, "2001:db8::2", 25, false },
		{ "::ffff:192.0.2.1", 25, "192.0.2.1", 25, false },
		{ "0.0.0.0", 25, "::", 25, false },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct addr a = read_addr(rows[i].a, rows[i].a_port);
		struct addr b = read_addr(rows[i].b, rows[i].b_port);

		cr_expect(addr_equal(&a, &b) == rows[i].equal, "%s and %s", rows[i].a, rows[i].b);
		cr_expect(addr_equal(&b, &a) == rows[i].equal, "%s and %s", rows[i].b, rows[i].a);
	}
}

Test(addr, any)
{
	static const struct {
		const char *text;
		bool any;
	} rows[] = { { "0.0.0.0", true },    { "::", true },   { "[::]", true },
		     { "127.0.0.1", false }, { "::1", false }, { "::ffff:0.0.0.0", false } };

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct addr a = read_addr(rows[i].text, 25);

		cr_expect(addr_is_any(&a) == rows[i].any, "%s", rows[i].text);
	}
}

Test(addr, of_the_kernel)
{
	const struct sockaddr_un local = { .sun_family = AF_UNIX, .sun_path = "/tmp/x" };
	struct addr a = read_addr("2001:db8::1", 25), b;
	char text[ADDR_TEXT];

	expect_num(addr_len(&a), sizeof(struct sockaddr_in6), "v6");
	addr_from_sockaddr(&b, &a.sa);
	cr_expect(addr_equal(&a, &b), "v6 is copied");
	a = read_addr("192.0.2.1", 0);
	addr_set_port(&a, 587);
	expect_num(addr_len(&a), sizeof(struct sockaddr_in), "v4");
	addr_from_sockaddr(&b, &a.sa);
	expect_str(addr_format(&b, text), "192.0.2.1:587", "v4 is copied");
	addr_from_sockaddr(&b, (const struct sockaddr *)&local);
	expect_num(b.sa.sa_family, AF_UNSPEC, "another family");
	expect_str(addr_format(&b, text), "-", "another family");
	expect_str(addr_format_host(&b, text), "-", "another family");
}
