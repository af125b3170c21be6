/* A configuration multiplied out: addresses, ports, timeouts, and what contradicts itself. */
#include "edge/plan.h"

#include <stdio.h>
#include <stdlib.h>

#include "check.h"
#include "support/configs.h"

#define TO_B  "[backend b]\nserver = 192.0.2.1\n"
#define ON_LO "bind = 127.0.0.1\n"

static struct plan plan_of(const struct config *c)
{
	struct report report;
	struct plan p;

	report_init(&report, "test.ini");
	cr_assert(plan_make(&p, c, &report), "line %d: %s", report.at[0].line, report.at[0].text);
	expect_num(report.count, 0, "complaints");
	report_finish(&report);
	return p;
}

Test(plan, every_address_and_port)
{
	struct config *c = config_of(
		"[listen a]\nports = 25 26\nbackend = b\n"
		"[listen c]\nports = 27>28\nbind = 127.0.0.1\nbackend = b\npath = copy\n" TO_B);
	struct plan p = plan_of(c);
	static const char *const wanted[] = { "0.0.0.0:25", "[::]:25", "0.0.0.0:26", "[::]:26",
					      "127.0.0.1:27" };
	char text[ADDR_TEXT];

	expect_num(p.count, ARRAY_LEN(wanted), "entries");
	for (size_t i = 0; i < p.count && i < ARRAY_LEN(wanted); i++) {
		expect_str(addr_format(&p.at[i].at, text), wanted[i], "at");
		cr_expect(p.at[i].conf == &c->listens[i == 4], "%zu", i);
		cr_expect(p.at[i].to->backend == &c->backends[0], "%zu", i);
		expect_str(p.at[i].path->name, i == 4 ? "copy" : "auto", "path");
	}
	plan_free(&p);
	config_free(c);
}

/* ports' own target, else the backend's port, else the listener's. */
Test(plan, where_it_leads)
{
	static const struct {
		const char *text;
		unsigned port;
	} rows[] = {
		{ "[listen a]\nports = 25\n" ON_LO "backend = b\n" TO_B, 25 },
		{ "[listen a]\nports = 25>10025\n" ON_LO "backend = b\n" TO_B, 10025 },
		{ "[listen a]\nports = 25\n" ON_LO "backend = b:8025\n" TO_B, 8025 },
		{ "[listen a]\nports = 25>25\n" ON_LO "backend = b:8025\n" TO_B, 8025 },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct config *c = config_of(rows[i].text);
		struct plan p = plan_of(c);

		expect_num(p.count, 1, rows[i].text);
		expect_num(p.at[0].to->dial.port, rows[i].port, rows[i].text);
		plan_free(&p);
		config_free(c);
	}
}

/* `auto` is for the internet; what the file says is for everybody. */
Test(plan, limits_of_a_source)
{
	static const struct {
		const char *keys;
		struct source_limits outer, inner;
	} rows[] = {
		{ "", { 500, 500, 10000 }, { 0, 0, 0 } },
		{ ON_LO, { 0 }, { 0 } },
		{ "bind = 100.64.0.1\n", { 0 }, { 0 } },
		{ "bind = 192.168.1.1\n", { 0 }, { 0 } },
		{ "bind = 192.0.2.1\n", { 500, 500, 10000 }, { 0 } },
		{ "max-flows-per-source = 7\n", { 7, 500, 10000 }, { 7, 0, 0 } },
		{ "rate-per-source = 20/1m\n", { 500, 20, 60000 }, { 0, 20, 60000 } },
		{ ON_LO "max-flows-per-source = 7\nrate-per-source = 9/1s\n",
		  { 7, 9, 1000 },
		  { 7, 9, 1000 } },
		{ "max-flows-per-source = off\nrate-per-source = off\n", { 0 }, { 0 } },
	};
	char text[300];

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct config *c;
		struct plan p;

		snprintf(text, sizeof(text), "[listen a]\nports = 25\nbackend = b\n%s" TO_B,
			 rows[i].keys);
		c = config_of(text);
		p = plan_of(c);
		expect_num(p.at[0].limits.flows, rows[i].outer.flows, rows[i].keys);
		expect_num(p.at[0].limits.count, rows[i].outer.count, rows[i].keys);
		expect_num(p.at[0].limits_inner.flows, rows[i].inner.flows, rows[i].keys);
		expect_num(p.at[0].limits_inner.count, rows[i].inner.count, rows[i].keys);
		if (rows[i].outer.count)
			expect_num(p.at[0].limits.per, rows[i].outer.per, rows[i].keys);
		plan_free(&p);
		config_free(c);
	}
}

Test(plan, timeouts_by_port_and_key)
{
	struct config *c = config_of(
		"[listen a]\nports = 25 993\n" ON_LO "backend = b\nkeepalive = 7s\n"
		"[listen w]\nports = 26\n" ON_LO "backend = b\nprofile = imap\nidle = 2m\n" TO_B
		"half-closed = 3s\nuser-timeout = 9s\n");
	struct plan p = plan_of(c);

	expect_num(p.at[0].profile, PROFILE_SMTP, "25");
	expect_num(p.at[0].to->idle, 600000, "25");
	expect_num(p.at[1].profile, PROFILE_IMAP, "993");
	expect_num(p.at[1].to->idle, 2100000, "993");
	expect_num(p.at[2].profile, PROFILE_IMAP, "given");
	expect_num(p.at[2].to->idle, 120000, "given");
	expect_num(p.at[2].to->half_closed, 3000, "the backend's, for the flow");
	expect_num(p.at[0].client.keepalive, 7000, "the client's leg");
	cr_expect(p.at[0].to->dial.timeouts.keepalive != 7000, "not the server's leg");
	expect_num(p.at[0].to->dial.timeouts.user_timeout, 9000, "the server's leg");
	cr_expect(p.at[0].client.user_timeout != 9000, "not the client's leg");
	plan_free(&p);
	config_free(c);
}

Test(plan, contradictions)
{
	static const struct {
		const char *label, *text, *complaints;
	} rows[] = {
		{ "an unknown path", "[listen a]\nports = 25\nbackend = b\npath = fast\n" TO_B,
		  "4:path: 'fast': expected one of auto copy splice ring-splice" },
		{ "a path that is left out",
		  "[global]\npaths = copy splice\n[listen a]\nports = 25\nbackend = b\npath = ring-splice\n" TO_B,
		  "6:path: ring-splice of [listen a] may not be used: paths = copy splice in line 2 leaves it out" },
		{ "none to choose from",
		  "[global]\npaths = ring-splice\n[listen a]\nports = 25\nbackend = b\n" TO_B,
		  "3:path: auto of [listen a] may not be used: paths = ring-splice in line 2 leaves neither copy nor" },
		{ "no path",
		  "[global]\npaths = copy auto splic\n[listen a]\nports = 25\nbackend = b\n" TO_B,
		  "2:paths: 'auto': expected some of copy splice|"
		  "2:paths: 'splic': expected some of copy splice ring-splice sockmap, did you mean 'splice'?" },
		{ "the backend's port and the server's",
		  "[listen a]\nports = 25\nbackend = b:26\n[backend b]\nserver = 192.0.2.1:27\n",
		  "3:backend: b:26 names a port, and server = 192.0.2.1:27 in line 5" },
		{ "the backend's port and ports",
		  "[listen a]\nports = 25>26\nbackend = b:27\n" TO_B,
		  "3:backend: b:27 names a port, and ports = 25>26" },
		{ "a server's port and ports",
		  "[listen a]\nports = 25>26\nbackend = b\n[backend b]\nserver = 192.0.2.1:27\n",
		  "2:ports: " },
		{ "one port twice",
		  "[listen a]\nports = 25\nbackend = b\nbind = ::1\n[listen c]\nbackend = b\nbind = ::1\nports = 25\n" TO_B,
		  "8:ports: [::1]:25 belongs to [listen a] in line 1 already" },
		{ "one port twice, both families",
		  "[listen a]\nports = 25\nbackend = b\n[listen c]\nports = 25\nbackend = b\n" TO_B,
		  "5:ports: 0.0.0.0:25 belongs to [listen a]|5:ports: [::]:25 belongs to [listen a]" },
		{ "a range over it",
		  "[listen a]\nports = 25\nbackend = b\n" ON_LO
		  "[listen c]\nports = 20-30\nbackend = b\n" ON_LO TO_B,
		  "6:ports: 127.0.0.1:25 belongs to [listen a]" },
		{ "everything with a broken file",
		  "[listen a]\nports = 25\nbackend = nowhere\npath = fast\n[listen c]\nports = x\npath = faster\n" TO_B,
		  "3:backend: there is no [backend nowhere]|4:path: 'fast'|5:[listen c] has no backend|6:ports: 'x'|7:path: 'faster'"
		  "|8:[backend b]: no listener leads to it" },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		expect_complaints(rows[i].text, rows[i].complaints, rows[i].label);
}

Test(plan, not_twins)
{
	struct config *c =
		config_of("[listen a]\nports = 25\nbind = 0.0.0.0\nbackend = b\n"
			  "[listen c]\nports = 25\nbind = ::\nbackend = b\n"
			  "[listen d]\nports = 25\nbind = 127.0.0.1\nbackend = b\n" TO_B);
	struct plan p = plan_of(c);

	expect_num(p.count, 3, "families and addresses are sockets of their own");
	plan_free(&p);
	config_free(c);
}

Test(plan, printed)
{
	struct config *c = config_of(
		"[listen mail]\nports = 25 587>10587\nbackend = b\nbind = ::1\n"
		"[listen web]\nports = 80\nbackend = w:8080\nbind = 127.0.0.1\npath = splice\n"
		"[backend b]\nserver = 192.0.2.1\nserver = 2001:db8::1\nsend-proxy = v2\nidle = 90s\n"
		"[backend w]\nserver = mail.example.com\nserver = tailnet:mailbox weight=3 backup\n");
	struct plan p = plan_of(c);
	char *text = NULL;
	size_t len = 0;
	FILE *f = open_memstream(&text, &len);

	plan_print(&p, f);
	fclose(f);
	expect_str(
		text,
		"mail         [::1]:25               -> b 192.0.2.1:25 [2001:db8::1]:25  (PROXY v2, path "
		"auto, profile smtp, idle 90s)\n"
		"mail         [::1]:587              -> b 192.0.2.1:10587 [2001:db8::1]:10587  (PROXY v2, path "
		"auto, profile smtp, idle 90s)\n"
		"web          127.0.0.1:80           -> w mail.example.com:8080 tailnet:mailbox:8080 weight=3 backup  (no PROXY header, path "
		"splice, profile http, idle 1h)\n",
		"printed");
	free(text);
	plan_free(&p);
	config_free(c);
}

/* Listeners may use what `paths` allows, and `auto` what is left of copy and splice. */
Test(plan, paths_that_may_be_used)
{
	static const struct {
		const char *global, *listen, *path;
	} rows[] = {
		{ "", "", "auto" },
		{ "paths = copy splice\n", "", "auto" },
		{ "paths = splice, ring-splice copy\n", "", "auto" },
		{ "paths = copy\n", "", "copy" },
		{ "paths = splice sockmap\n", "", "splice" },
		{ "paths = sockmap\n", "path = sockmap\n", "sockmap" },
		{ "paths = copy ring-splice\n", "path = ring-splice\n", "ring-splice" },
	};
	char text[300];

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct config *c;
		struct plan p;

		snprintf(text, sizeof(text),
			 "[global]\n%s[listen a]\nports = 25\n" ON_LO "backend = b\n%s" TO_B,
			 rows[i].global, rows[i].listen);
		c = config_of(text);
		p = plan_of(c);
		expect_str(p.at[0].path->name, rows[i].path, text);
		plan_free(&p);
		config_free(c);
	}
}

/* Of a server that lets the client speak first nobody expects one. */
Test(plan, greetings)
{
	struct config *c = config_of(
		"[listen a]\nports = 25 465 443 993 143 7777\n" ON_LO "backend = b\n"
		"[listen c]\nports = 7778\n" ON_LO "backend = b\nprofile = smtp\n"
		"[listen d]\nports = 26\n" ON_LO "backend = e\nprofile = smtp\n" TO_B "head = 20s\n"
		"[backend e]\nserver = 192.0.2.2\n");
	static const msec_t due[] = { 20000, 0, 0, 0, 20000, 0, 20000, 0 };
	struct plan p = plan_of(c);

	expect_num(p.count, ARRAY_LEN(due), "entries");
	for (size_t i = 0; i < min_of(p.count, ARRAY_LEN(due)); i++)
		expect_num(p.at[i].to->greeting, due[i], p.at[i].conf->section.name);
	plan_free(&p);
	config_free(c);
}
