/* Names become addresses, whatever a DNS server says. */
#include "backend/resolver.h"

#include <stdio.h>
#include <time.h>

#include "base/log.h"
#include "check.h"
#include "engine/timer.h"
#include "support/dns.h"
#include "support/fds.h"

/* Milliseconds. An answer on loopback takes one. */
#define PATIENCE 100

static struct {
	struct dns_server system, tailnet;
	struct names names;
	struct resolver resolver;
	int fds_before;
} desk;

#define SAY(server, manner, ...)                                                               \
	do {                                                                                   \
		static const struct dns_record records_[] = { __VA_ARGS__ };                   \
		dns_say(&desk.server, manner, records_, sizeof(records_) / sizeof(*records_)); \
	} while (0)

static void set_up(void)
{
	const char *why;

	desk.fds_before = fds_count();
	log_setup(LINE_LOGFMT, LOG_ERROR);
	dns_start(&desk.system);
	dns_start(&desk.tailnet);
	cr_assert(names_open(&desk.names) == 0);
	cr_assert(resolver_start(&desk.resolver, &desk.names,
				 (struct resolver_options){ desk.system.at, desk.tailnet.at,
							    PATIENCE },
				 &why) == 0,
		  "%s", why);
}

static void tear_down(void)
{
	resolver_stop(&desk.resolver);
	cr_expect(list_empty(&desk.names.list), "no name is left");
	names_close(&desk.names);
	dns_stop(&desk.system);
	dns_stop(&desk.tailnet);
	expect_num(fds_count(), desk.fds_before, "descriptors");
}

static void describe(struct name *n, char *out)
{
	struct name_view v;
	char text[ADDR_TEXT];

	name_look(n, &v);
	*out = '\0';
	for (size_t i = 0; i < v.count; i++)
		sprintf(out + strlen(out), "%s ", addr_format_host(&v.at[i], text));
	sprintf(out + strlen(out), "(%s)", v.error);
}

/* Waits until that is what is known: "ADDRESS … (ERROR)". Addresses of one family are in the order of the answer; which
 * family is first is the resolver's choice, so no row has both. */
static void expect_known(struct name *n, const char *wanted, const char *label)
{
	msec_t due = timer_now() + 5000;
	char got[4000];

	for (describe(n, got); strcmp(got, wanted) != 0 && timer_now() < due; describe(n, got))
		nanosleep(&(struct timespec){ .tv_nsec = 2000000 }, NULL);
	expect_str(got, wanted, label);
}

static bool is_out(struct name *n)
{
	bool out;

	pthread_mutex_lock(&desk.names.lock);
	out = n->is_out;
	pthread_mutex_unlock(&desk.names.lock);
	return out;
}

/* A question at once, whatever the time to live, when the last has its answer. */
static void ask_again(struct name *n)
{
	msec_t due = timer_now() + 5000;

	while (is_out(n) && timer_now() < due)
		nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
	pthread_mutex_lock(&desk.names.lock);
	n->asked = 0;
	pthread_mutex_unlock(&desk.names.lock);
	name_hurry(n);
}

static msec_t due_in(struct name *n)
{
	msec_t due;

	pthread_mutex_lock(&desk.names.lock);
	due = n->due - n->good;
	pthread_mutex_unlock(&desk.names.lock);
	return due;
}

Test(resolver, addresses_of_both_families)
{
	struct name *n;
	struct name_view v;

	set_up();
	SAY(system, DNS_HONEST, { "mail.example.net", DNS_A, 20, "192.0.2.1" },
	    { "mail.example.net", DNS_AAAA, 30, "2001:db8::1" });
	n = name_hold(&desk.names, "mail.example.net");
	names_wait(&desk.names, 5000);
	name_look(n, &v);
	expect_num(v.count, 2, "addresses");
	cr_expect(v.at[0].sa.sa_family != v.at[1].sa.sa_family, "one of each family");
	expect_num(due_in(n), 20000, "the shorter time to live");
	name_release(n);
	tear_down();
}

/* What is known while the question is still out, "" once it is not. */
static void expect_early(struct name *n, const char *wanted)
{
	msec_t due = timer_now() + 5000;
	char got[4000], text[ADDR_TEXT];

	for (*got = '\0'; strcmp(got, wanted) != 0 && timer_now() < due;) {
		*got = '\0';
		pthread_mutex_lock(&desk.names.lock);
		for (size_t i = 0; n->is_out && i < n->count; i++)
			sprintf(got + strlen(got), "%s ", addr_format_host(&n->at[i], text));
		pthread_mutex_unlock(&desk.names.lock);
		nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
	}
	expect_str(got, wanted, "while IPv6 is waited for");
}

/* IPv4 is known long before the server has not answered for IPv6; what was known of IPv6 holds so long. */
Test(resolver, server_that_is_deaf_to_IPv6)
{
	struct name *n;

	set_up();
	SAY(system, DNS_DEAF, { "mail.example.net", DNS_A, 5, "192.0.2.1" });
	n = name_hold(&desk.names, "mail.example.net");
	expect_early(n, "192.0.2.1 ");
	expect_known(n, "192.0.2.1 ()", "in the end");
	SAY(system, DNS_HONEST, { "mail.example.net", DNS_AAAA, 5, "2001:db8::1" });
	ask_again(n);
	expect_known(n, "2001:db8::1 ()", "it is cured");
	SAY(system, DNS_DEAF, { "mail.example.net", DNS_A, 5, "192.0.2.2" });
	ask_again(n);
	expect_early(n, "2001:db8::1 192.0.2.2 ");
	name_release(n);
	tear_down();
}

/* For the same of tailscaled's, only the tailnet's addresses count. */
Test(resolver, tailnet_that_is_deaf_to_IPv6)
{
	struct name *n;

	set_up();
	SAY(tailnet, DNS_DEAF, { "mailbox.tail1.ts.net", DNS_A, 600, "203.0.113.66" },
	    { "mailbox.tail1.ts.net", DNS_A, 600, "100.64.0.7" });
	n = name_hold(&desk.names, "mailbox.tail1.ts.net");
	expect_early(n, "100.64.0.7 ");
	name_release(n);
	tear_down();
}

Test(resolver, answers)
{
	static const struct {
		const char *label;
		struct dns_record records[4];
		size_t count;
		const char *wanted;
	} rows[] = {
		{ "IPv4 only",
		  { { "mail.example.net", DNS_A, 1, "192.0.2.1" } },
		  1,
		  "192.0.2.1 ()" },
		{ "IPv6 only",
		  { { "mail.example.net", DNS_AAAA, 1, "2001:db8::1" } },
		  1,
		  "2001:db8::1 ()" },
		{ "no such name",
		  { { "other.example.net", DNS_A, 1, "192.0.2.1" } },
		  1,
		  "(there is no such name (NXDOMAIN))" },
		{ "a name without addresses",
		  { { "mail.example.net", DNS_CNAME, 1, "empty.example.net" },
		    { "empty.example.net", DNS_CNAME + 10, 1, "x" } },
		  2,
		  "(the name has no address)" },
		{ "an alias of an alias",
		  { { "mail.example.net", DNS_CNAME, 1, "a.example.org" },
		    { "a.example.org", DNS_CNAME, 1, "b.example.com" },
		    { "b.example.com", DNS_A, 1, "192.0.2.7" } },
		  3,
		  "192.0.2.7 ()" },
		{ "twice the same",
		  { { "mail.example.net", DNS_A, 1, "192.0.2.1" },
		    { "mail.example.net", DNS_A, 1, "192.0.2.1" } },
		  2,
		  "192.0.2.1 ()" },
		{ "no machine at all",
		  { { "mail.example.net", DNS_A, 1, "0.0.0.0" },
		    { "mail.example.net", DNS_A, 1, "224.0.0.1" },
		    { "mail.example.net", DNS_AAAA, 1, "ff02::1" } },
		  3,
		  "(the name has no address)" },
		{ "one machine among them",
		  { { "mail.example.net", DNS_A, 1, "255.255.255.255" },
		    { "mail.example.net", DNS_A, 1, "192.0.2.1" } },
		  2,
		  "192.0.2.1 ()" },
	};

	set_up();
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct name *n;

		dns_say(&desk.system, DNS_HONEST, rows[i].records, rows[i].count);
		n = name_hold(&desk.names, "mail.example.net");
		expect_known(n, rows[i].wanted, rows[i].label);
		name_release(n);
	}
	tear_down();
}

/* Once there was an answer, nothing that a server does takes it away. */
Test(resolver, servers_that_misbehave)
{
	static const struct {
		enum dns_manner manner;
		const char *wanted;
	} rows[] = {
		{ DNS_SILENT, "192.0.2.1 (no DNS server answers in time)" },
		{ DNS_JUNK, NULL },
		{ DNS_CUT, NULL },
		{ DNS_OTHER_ID, "192.0.2.1 (no DNS server answers in time)" },
		{ DNS_OTHER_ANSWER, NULL },
		{ DNS_SERVFAIL, NULL },
		{ DNS_REFUSED, NULL },
	};
	char got[4000];

	set_up();
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct name *n;

		SAY(system, DNS_HONEST, { "mail.example.net", DNS_A, 1, "192.0.2.1" });
		n = name_hold(&desk.names, "mail.example.net");
		expect_known(n, "192.0.2.1 ()", "at first");
		SAY(system, rows[i].manner, { "mail.example.net", DNS_A, 1, "192.0.2.66" });
		ask_again(n);
		if (rows[i].wanted)
			expect_known(n, rows[i].wanted, "then");
		for (msec_t due = timer_now() + 5000; timer_now() < due;) {
			describe(n, got);
			if (strcmp(got, "192.0.2.1 ()") != 0)
				break;
			nanosleep(&(struct timespec){ .tv_nsec = 2000000 }, NULL);
		}
		/* c-ares 1.18 refuses such an answer, 1.34 takes it. Who answers for a name may say any address anyway. */
		cr_expect((strncmp(got, "192.0.2.1 (", 11) == 0 && !strstr(got, "()")) ||
				  (rows[i].manner == DNS_OTHER_ANSWER &&
				   strcmp(got, "192.0.2.66 ()") == 0),
			  "manner %d: %s", rows[i].manner, got);
		SAY(system, DNS_HONEST, { "mail.example.net", DNS_A, 1, "192.0.2.2" });
		ask_again(n);
		expect_known(n, "192.0.2.2 ()", "when it behaves again");
		name_release(n);
	}
	tear_down();
}

Test(resolver, a_name_that_is_gone_keeps_its_last_addresses)
{
	struct name *n;

	set_up();
	SAY(system, DNS_HONEST, { "mail.example.net", DNS_A, 1, "192.0.2.1" });
	n = name_hold(&desk.names, "mail.example.net");
	expect_known(n, "192.0.2.1 ()", "at first");
	SAY(system, DNS_HONEST, { "other.example.net", DNS_A, 1, "192.0.2.1" });
	ask_again(n);
	expect_known(n, "192.0.2.1 (there is no such name (NXDOMAIN))", "then");
	name_release(n);
	tear_down();
}

Test(resolver, a_hundred_addresses)
{
	static struct dns_record records[100];
	static char words[100][20];
	struct name *n;
	struct name_view v;

	set_up();
	for (int i = 0; i < 100; i++) {
		sprintf(words[i], "198.51.100.%d", i + 1);
		records[i] = (struct dns_record){ "mail.example.net", DNS_A, 1, words[i] };
	}
	dns_say(&desk.system, DNS_HONEST, records, 100);
	n = name_hold(&desk.names, "mail.example.net");
	names_wait(&desk.names, 5000);
	name_look(n, &v);
	expect_num(v.count, NAME_ADDRESSES_MAX, "addresses");
	name_release(n);
	tear_down();
}

/* MagicDNS says 600 s, and after a restart the address is another one. */
Test(resolver, time_to_live_has_bounds)
{
	struct name *n;

	set_up();
	SAY(system, DNS_HONEST, { "mail.example.net", DNS_A, 600, "192.0.2.1" });
	n = name_hold(&desk.names, "mail.example.net");
	expect_known(n, "192.0.2.1 ()", "at first");
	expect_num(due_in(n), 60000, "of 600 s");
	SAY(system, DNS_HONEST, { "mail.example.net", DNS_A, 0, "192.0.2.2" });
	ask_again(n);
	expect_known(n, "192.0.2.2 ()", "then");
	expect_num(due_in(n), 5000, "of 0 s");
	name_release(n);
	tear_down();
}

Test(resolver, tailscaled_is_asked_for_what_only_it_knows)
{
	struct name *inside, *outside;

	set_up();
	SAY(tailnet, DNS_HONEST, { "mailbox.tail1.ts.net", DNS_A, 600, "100.64.0.7" },
	    { "mail.example.net", DNS_A, 600, "100.64.0.8" });
	inside = name_hold(&desk.names, "mailbox.tail1.ts.net");
	outside = name_hold(&desk.names, "mail.example.net");
	expect_known(inside, "100.64.0.7 ()", "a name of the tailnet");
	expect_known(outside, "(there is no such name (NXDOMAIN))", "another");
	SAY(system, DNS_HONEST, { "mailbox.tail1.ts.net", DNS_A, 600, "100.64.0.9" });
	ask_again(inside);
	expect_known(inside, "100.64.0.9 ()", "the system's resolver knows it now");
	name_release(inside);
	name_release(outside);
	tear_down();
}

Test(resolver, who_pretends_to_be_tailscaled)
{
	struct name *n;

	set_up();
	SAY(tailnet, DNS_HONEST, { "mailbox.tail1.ts.net", DNS_A, 600, "203.0.113.66" });
	n = name_hold(&desk.names, "mailbox.tail1.ts.net");
	expect_known(n, "(100.100.100.100 answers with addresses that are not the tailnet's)",
		     "a public address");
	SAY(tailnet, DNS_HONEST, { "mailbox.tail1.ts.net", DNS_A, 600, "203.0.113.66" },
	    { "mailbox.tail1.ts.net", DNS_A, 600, "100.64.0.7" });
	ask_again(n);
	expect_known(n, "100.64.0.7 ()", "only what is the tailnet's");
	name_release(n);
	tear_down();
}

/* Ends while answers are awaited, and while a name is given up. */
Test(resolver, ends_at_any_time)
{
	char host[40];

	set_up();
	dns_say(&desk.system, DNS_SILENT, NULL, 0);
	for (int i = 0; i < 100; i++) {
		sprintf(host, "mail%d.tail1.ts.net", i);
		name_release(name_hold(&desk.names, host));
		name_release(name_hold(&desk.names, host));
	}
	tear_down();
}

Test(resolver, what_fails_is_asked_at_once_but_once_a_second)
{
	struct name *n;
	unsigned before;
	msec_t began;

	set_up();
	SAY(system, DNS_HONEST, { "mail.example.net", DNS_A, 60, "192.0.2.1" });
	n = name_hold(&desk.names, "mail.example.net");
	expect_known(n, "192.0.2.1 ()", "at first");
	before = atomic_load(&desk.system.questions);
	began = timer_now();
	SAY(system, DNS_HONEST, { "mail.example.net", DNS_A, 60, "192.0.2.2" });
	for (int i = 0; i < 1000; i++)
		name_hurry(n);
	expect_known(n, "192.0.2.2 ()", "soon");
	cr_expect(timer_now() - began > 500, "the second was waited for");
	/* One for each family, and one more if the machine was slow. */
	before = atomic_load(&desk.system.questions) - before;
	cr_expect(before == 2 || before == 3, "%u questions", before);
	name_release(n);
	tear_down();
}

/* The edge starts all the same: its other servers may be literals. */
Test(resolver, without_a_server_to_ask)
{
	struct resolver r = { 0 };
	struct names names;
	struct name *n;
	const char *why;

	log_setup(LINE_LOGFMT, LOG_ERROR);
	cr_assert(names_open(&names) == 0);
	cr_assert(resolver_start(&r, &names, (struct resolver_options){ .system = "nonsense" },
				 &why) == 0);
	n = name_hold(&names, "mail.example.net");
	names_wait(&names, 5000);
	expect_known(n, "(/etc/resolv.conf cannot be read)", "an error, at once");
	resolver_stop(&r);
	name_release(n);
	names_close(&names);
}
