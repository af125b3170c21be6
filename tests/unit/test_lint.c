/* Lints: for each a configuration that deserves it and the nearest innocent one; and the stories. */
#include "config/lint.h"

#include <stdlib.h>

#include "check.h"
#include "config/lint_story.h"
#include "config/reach.h"
#include "support/configs.h"
#include "edge/plan.h"

/* A machine that allows everything, and one that does not. */
static const struct lint_facts rich = { .first_free_port = 1024, .may_bind_low = true };
static const struct lint_facts poor = { .first_free_port = 1024,
					.fd_limit = 1024,
					.max_flows = 400 };

#define LISTEN(name, rest) "[listen " name "]\nbackend = b\n" rest
#define TO(rest)	   "[backend b]\nserver = 100.64.0.2\n" rest
#define V2		   "send-proxy = v2\n"
#define TAILNET		   "bind = 100.64.0.1\n"
#define WEB(rest)	   "[listen w]\nbackend = w\n" rest
#define TO_WEB(rest)	   "[backend w]\nserver = 100.64.0.2\n" rest

struct row {
	enum lint_code code;
	int line, warning;
	const char *guilty, *innocent;
};

static const struct row rows[] = {
	{ LINT_PUBLIC_METRICS, 2, 1,
	  "[global]\nmetrics = 0.0.0.0:9464\n" LISTEN("a", "ports = 26\n") TO(V2),
	  "[global]\nmetrics = [::1]:9464\n" LISTEN("a", "ports = 26\n") TO(V2) },
	{ LINT_DEVICE_ANY, 6, 1, LISTEN("a", "ports = 26\n") TO("device = any\n"),
	  LISTEN("a", "ports = 26\n") TO("device = wg0\n") },
	{ LINT_SOURCE_FAMILY, 6, 0, LISTEN("a", "ports = 26\n") TO("source = 2001:db8::1\n"),
	  LISTEN("a", "ports = 26\n") TO("source = 192.0.2.1\n") },
	{ LINT_VIA_PUBLIC, 6, 1, LISTEN("a", "ports = 26\n") TO("via = socks5://192.0.2.1:1055\n"),
	  LISTEN("a", "ports = 26\n") TO("via = socks5://box:1055\n") },
	{ LINT_BARE_NAME, 6, 0,
	  LISTEN("a", "ports = 26\n") "[backend b]\nserver = 192.0.2.1\n"
				      "server = stalwart\n",
	  LISTEN("a",
		 "ports = 26\n") "[backend b]\nserver = localhost\nserver = stalwart.t.ts.net\n" },
	{ LINT_TAILNET_OFF, 7, 0,
	  "[global]\ntailscale = off\n" LISTEN(
		  "a", "ports = 26\n") "[backend b]\nserver = tailnet:box\n",
	  LISTEN("a", "ports = 26\n") "[backend b]\nserver = tailnet:box\n" },
	{ LINT_BARE_NAME, 5, 0, LISTEN("a", "ports = 26\n") "[backend b]\nserver = stalwart:25\n",
	  LISTEN("a", "ports = 26\n") "[backend b]\nserver = 2001:db8::1\n" },
	{ LINT_SERVER_ADDRESS, 5, 0,
	  LISTEN("a", "ports = 26\n") "[backend b]\nserver = 0.0.0.0:25\n",
	  LISTEN("a", "ports = 26\n") "[backend b]\nserver = 127.0.0.1:25\n" },
	{ LINT_SERVER_ADDRESS, 5, 0, LISTEN("a", "ports = 26\n") "[backend b]\nserver = fe80::1\n",
	  LISTEN("a", "ports = 26\n") "[backend b]\nserver = fe80::1%lo\n" },
	{ LINT_SERVER_ADDRESS, 5, 0,
	  LISTEN("a", "ports = 26\n") "[backend b]\nserver = 224.0.0.1\n",
	  LISTEN("a", "ports = 26\n") "[backend b]\nserver = 223.255.255.255\n" },
	{ LINT_SERVER_ADDRESS, 5, 0, LISTEN("a", "ports = 26\n") "[backend b]\nserver = ff02::1\n",
	  LISTEN("a", "ports = 26\n") "[backend b]\nserver = fd00::1\n" },
	{ LINT_SERVER_TWICE, 6, 1,
	  LISTEN("a", "ports = 26\n") "[backend b]\nserver = m.example.com\n"
				      "server = M.example.com\nserver = 192.0.2.1\n",
	  LISTEN("a", "ports = 26\n") "[backend b]\nserver = m.example.com:25\n"
				      "server = m.example.com:26\n" },
	{ LINT_SERVER_PORT, 5, 0,
	  LISTEN("a", "ports = 25 465\n") "[backend b]\n"
					  "server = 192.0.2.1:25\n" V2,
	  LISTEN("a", "ports = 25 465\n") "[backend b]\nserver = 192.0.2.1\n" V2 },
	{ LINT_SERVER_PORT, 2, 0,
	  "[listen a]\nbackend = b:143\nports = 143 993\n[backend b]\nserver = 192.0.2.1\n" V2,
	  "[listen a]\nbackend = b:143\nports = 143 10143\n[backend b]\nserver = 192.0.2.1\n" V2 },
	{ LINT_SERVER_PORT, 6, 0,
	  LISTEN("a", "ports = 587 993\n") "[backend b]\nserver = 192.0.2.1\n"
					   "server = 192.0.2.2:587\n" V2,
	  LISTEN("a", "ports = 587 2525\n") "[backend b]\nserver = 192.0.2.1\n"
					    "server = 192.0.2.2:587\n" V2 },
	{ LINT_SERVER_PORT, 5, 1,
	  LISTEN("a", "ports = 8080 8443\n") "[backend b]\n"
					     "server = 192.0.2.1:9000\n",
	  LISTEN("a", "ports = 80 8080\n") "[backend b]\nserver = 192.0.2.1:9000\n" },
	{ LINT_PROTOCOL_MISMATCH, 3, 0, LISTEN("a", "ports = 465>25\n") TO(V2),
	  LISTEN("a", "ports = 465>10465\n") TO(V2) },
	{ LINT_PROTOCOL_MISMATCH, 3, 1, LISTEN("a", "ports = 443>8080\n") TO(""),
	  LISTEN("a", "ports = 443>8443\n") TO("") },
	{ LINT_PROTOCOL_MISMATCH, 2, 0, "[listen a]\nbackend = b:143\nports = 993\n" TO(V2),
	  "[listen a]\nbackend = b:993\nports = 10993\n" TO(V2) },
	{ LINT_PORT_25_ELSEWHERE, 3, 1, LISTEN("a", "ports = 25>2025\n") TO(V2),
	  LISTEN("a", "ports = 25 2525>25\n") TO(V2) },
	{ LINT_PORT_25_ELSEWHERE, 5, 1,
	  LISTEN("a", "ports = 587\n") "[backend b]\nserver = 192.0.2.1:25\n" V2,
	  LISTEN("a", "ports = 2525\n") "[backend b]\nserver = 192.0.2.1:25\n" V2 },
	{ LINT_ADDRESS_TWICE, 6, 0, LISTEN("a", "ports = 26\n") LISTEN("c", "ports = 26\n") TO(""),
	  LISTEN("a", "ports = 26\n") LISTEN("c", "ports = 26\nbind = 127.0.0.1 ::1\n") TO("") },
	{ LINT_OWN_LISTENER, 5, 0, LISTEN("a", "ports = 26\n") "[backend b]\nserver = 127.0.0.1\n",
	  LISTEN("a", "ports = 26\n") "[backend b]\nserver = 127.0.0.1:27\n" },
	{ LINT_OWN_LISTENER, 6, 0,
	  LISTEN("a", "ports = 26\nbind = ::1\n") "[backend b]\nserver = [::1]:26\n",
	  LISTEN("a", "ports = 26\nbind = 192.0.2.1 ::1\n") "[backend b]\nserver = 127.0.0.1\n" },
	{ LINT_OWN_LISTENER, 8, 0,
	  LISTEN("a", "ports = 26\n") LISTEN("c", "ports = 27\n") "[backend b]\n"
								  "server = localhost:27\n",
	  LISTEN("a", "ports = 26\n") LISTEN("c", "ports = 27\n") "[backend b]\n"
								  "server = localhost:28\n" },
	{ LINT_PROXY_OFF_25, 4, 0, LISTEN("a", "ports = 25\n") TO(""),
	  LISTEN("a", "ports = 25\n") TO("send-proxy = v1\n") },
	{ LINT_PROXY_OFF_25, 6, 0, LISTEN("a", "ports = 25\n") TO("send-proxy = off\n"),
	  LISTEN("a", "ports = 25\n" TAILNET) TO("send-proxy = off\n") },
	{ LINT_PROXY_OFF_25, 5, 1, LISTEN("a", "ports = 25\nbind = 10.0.0.5\n") TO(""),
	  LISTEN("a", "ports = 25\nbind = 127.0.0.1\n") TO("") },
	{ LINT_PROXY_OFF_LOGIN, 4, 1, LISTEN("a", "ports = 993\n") TO(""),
	  LISTEN("a", "ports = 993\n") TO(V2) },
	{ LINT_PROXY_OFF_LOGIN, 4, 1, LISTEN("a", "ports = 465\n") TO(""),
	  LISTEN("a", "ports = 466\n") TO("") },
	{ LINT_PROXY_OFF_LOGIN, 5, 1,
	  LISTEN("a", "ports = 143\nbind = 192.0.2.1 2001:db8::1\n") TO(""),
	  LISTEN("a", "ports = 143\nbind = 10.0.0.5\n") TO("") },
	{ LINT_PROXY_DISAGREES, 7, 0,
	  LISTEN("a", "ports = 4443\n") WEB("ports = 4444>4443\n") TO_WEB("") TO(V2),
	  LISTEN("a", "ports = 4443\n") WEB("ports = 4444\n") TO_WEB("") TO(V2) },
	{ LINT_PROXY_DISAGREES, 9, 0,
	  LISTEN("a", "ports = 26\n")
		  WEB("ports = 27>26\n") "[backend w]\nserver = M.example.com\n" V2
					 "[backend b]\nserver = m.example.com\n",
	  LISTEN("a", "ports = 26\n")
		  WEB("ports = 27>26\n") "[backend w]\nserver = n.example.com\n" V2
					 "[backend b]\nserver = m.example.com\n" },
#include "support/lint_routes.h"
	{ LINT_LOOPBACK_RELAY, 4, 0,
	  LISTEN("a", "ports = 587\n") "[backend b]\nserver = 127.0.0.1:10587\n",
	  LISTEN("a", "ports = 587\n") "[backend b]\nserver = 127.0.0.1:10587\n" V2 },
	{ LINT_LOOPBACK_RELAY, 4, 0,
	  LISTEN("a", "ports = 25\n") "[backend b]\nserver = localhost:10025\n",
	  LISTEN("a", "ports = 25\n") "[backend b]\nserver = localhost:10025\n" V2 },
	{ LINT_PUBLIC_SMARTHOST, 1, 1,
	  LISTEN("a", "ports = 587\n") "[backend b]\nserver = smtp.example.com\n",
	  LISTEN("a", "ports = 587\nbind = fd7a:115c:a1e0::1\n") "[backend b]\n"
								 "server = smtp.example.com\n" },
	{ LINT_PUBLIC_SMARTHOST, 4, 1,
	  LISTEN("a",
		 "ports = 465\nbind = 192.0.2.1 2001:db8::1\n") "[backend b]\nserver = 198.51.100.7\n",
	  LISTEN("a",
		 "ports = 465\nbind = 192.0.2.1 2001:db8::1\n") "[backend b]\nserver = 198.51.100.7\n" V2 },
	{ LINT_HTTP_BANS_EDGE, 5, 1,
	  LISTEN("a", "ports = 25\n") WEB("ports = 443\n") TO(V2) TO_WEB(""),
	  LISTEN("a", "ports = 25\n") WEB("ports = 443\n") TO(V2) TO_WEB(V2) },
	{ LINT_HTTP_BANS_EDGE, 5, 1,
	  LISTEN("a", "ports = 25\n") WEB("ports = 444\nprofile = https\n") TO(V2) TO_WEB(""),
	  LISTEN("a", "ports = 25\n") WEB("ports = 80 443\n")
		  TO(V2) "[backend w]\nserver = 100.64.0.3\n" },
	{ LINT_HTTP_BANS_EDGE, 5, 1,
	  LISTEN("a", "ports = 25\n") WEB("ports = 8080\n") TO(V2) TO_WEB(""),
	  LISTEN("a", "ports = 25\n") WEB("ports = 9000\n") TO(V2) TO_WEB("") },
	{ LINT_ONE_FAMILY, 4, 1, LISTEN("a", "ports = 26\nbind = 192.0.2.1\n") TO(""),
	  LISTEN("a", "ports = 26\nbind = 192.0.2.1 2001:db8::1\n") TO("") },
	{ LINT_ONE_FAMILY, 4, 1, LISTEN("a", "ports = 26\nbind = ::\n") TO(""),
	  LISTEN("a", "ports = 26\nbind = ::\n") LISTEN("c", "ports = 26\nbind = 0.0.0.0\n")
		  TO("") },
	{ LINT_ONE_FAMILY, 4, 1,
	  LISTEN("a", "ports = 26\nbind = 192.0.2.1 fd7a:115c:a1e0::1\n") TO(""),
	  LISTEN("a", "ports = 26\n" TAILNET) TO("") },
#include "support/lint_timeouts.h"
	{ LINT_BACKUP_UNCHECKED, 6, 1,
	  LISTEN("a", "ports = 26\n") TO("server = 100.64.0.3 backup\n"),
	  LISTEN("a", "ports = 26\n") TO("server = 100.64.0.3 backup\ncheck = tcp\n") },
	{ LINT_BACKUP_UNCHECKED, 6, 1,
	  LISTEN("a", "ports = 26\n") TO("server = 100.64.0.3 backup\n"),
	  LISTEN("a", "ports = 26\n") "[backend b]\nserver = 100.64.0.3 backup\n" },
	{ LINT_CHECK_PROTOCOL, 6, 1, LISTEN("a", "ports = 465 993\n") TO("check = smtp\n" V2),
	  LISTEN("a", "ports = 465 587\n") TO("check = smtp\n" V2) },
	{ LINT_CHECK_PROTOCOL, 6, 1, LISTEN("a", "ports = 143\n") TO("check = tls\n" V2),
	  LISTEN("a", "ports = 143\n") TO("check = tcp\n" V2) },
	{ LINT_CHECK_PROTOCOL, 7, 1,
	  LISTEN("a", "ports = 143\n") TO("check = imap\ncheck-port = 993\n" V2),
	  LISTEN("a", "ports = 143\n") TO("check = imap\ncheck-port = 10143\n" V2) },
	{ LINT_FAREWELL_UNSPOKEN, 6, 1,
	  LISTEN("a", "ports = 465 993\n") TO("on-down = smtp-421\n" V2),
	  LISTEN("a", "ports = 465 993 587\n") TO("on-down = smtp-421\n" V2) },
	{ LINT_FAREWELL_UNSPOKEN, 6, 1, LISTEN("a", "ports = 26\n") TO("on-down = smtp-421\n" V2),
	  LISTEN("a", "ports = 26\nprofile = smtp\n") TO("on-down = smtp-421\n" V2) },
	{ LINT_FAREWELL_UNSPOKEN, 7, 1,
	  LISTEN("a", "ports = 26>465\nprofile = smtp\n") TO("on-down = smtp-421\n" V2),
	  LISTEN("a", "ports = 993\n") TO("on-down = hold 5s\n" V2) },
};

static void judge(const char *text, const struct lint_facts *facts, struct report *report)
{
	struct config *c;
	struct plan plan;

	report_init(report, "test.ini");
	c = config_parse("test.ini", text, strlen(text), report);
	plan_make(&plan, c, report);
	lint_config(c, facts, report);
	plan_free(&plan);
	config_free(c);
}

static const struct complaint *find(const struct report *r, enum lint_code code)
{
	for (size_t i = 0; i < r->count; i++)
		if (r->at[i].code && strcmp(r->at[i].code, lint_story(code)->code) == 0)
			return &r->at[i];
	return NULL;
}

static void expect_guilty(const struct row *row, const struct lint_facts *facts)
{
	const char *code = lint_story(row->code)->code;
	const struct complaint *c;
	struct report r;

	judge(row->guilty, facts, &r);
	c = find(&r, row->code);
	cr_expect(c, "%s: nothing said of:\n%s", code, row->guilty);
	if (c) {
		expect_num(c->line, row->line, row->guilty);
		expect_num(c->warning, row->warning, row->guilty);
	}
	for (size_t i = 0; i < r.count; i++)
		cr_expect(r.at[i].code, "%s: %d: %s", row->guilty, r.at[i].line, r.at[i].text);
	report_finish(&r);
}

static void expect_innocent(const struct row *row, const struct lint_facts *facts)
{
	const struct complaint *c;
	struct report r;

	judge(row->innocent, facts, &r);
	c = find(&r, row->code);
	cr_expect(!c, "%s: said of\n%s\n%s", lint_story(row->code)->code, row->innocent,
		  c ? c->text : "");
	for (size_t i = 0; i < r.count; i++)
		cr_expect(r.at[i].code, "%s: %d: %s", row->innocent, r.at[i].line, r.at[i].text);
	report_finish(&r);
}

Test(lint, guilty_and_innocent)
{
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		expect_guilty(&rows[i], &rich);
		expect_innocent(&rows[i], &rich);
	}
}

/* These depend on the machine: the same file is right on another. */
static const struct row machine_rows[] = {
	{ LINT_PRIVILEGED_PORT, 3, 1, LISTEN("a", "ports = 1023 2525\n") TO(""),
	  LISTEN("a", "ports = 1024 2525\n") TO("") },
	{ LINT_MAX_FLOWS_LIMIT, 2, 1,
	  "[global]\nmax-flows = 401\n" LISTEN("a", "ports = 2525\n") TO(""),
	  "[global]\nmax-flows = 400\n" LISTEN("a", "ports = 2525\n") TO("") },
};

/* What is said, where one rule has several ways to say it. */
Test(lint, words)
{
	static const struct {
		const char *text, *words;
	} said[] = {
		{ LISTEN("a", "ports = 26\n") "[backend b]\nserver = 0.0.0.0:25\n",
		  "server: 0.0.0.0 means every address of this machine: expected the server's own" },
		{ LISTEN("a", "ports = 26\n") "[backend b]\nserver = 224.0.0.1\n",
		  "224.0.0.1 is not one machine" },
		{ LISTEN("a", "ports = 26\n") "[backend b]\nserver = ff02::1\n",
		  "ff02::1 is not one machine" },
		{ LISTEN("a", "ports = 26\n") "[backend b]\nserver = fe80::1\n",
		  "fe80::1 is link-local and names no interface" },
		{ LISTEN("a", "ports = 26\n") TO("server = 100.64.0.2\n"),
		  "100.64.0.2 stands twice in [backend b]" },
		{ LISTEN("a", "ports = 465>25\n") TO(V2),
		  "ports: 465 of [listen a] leads to 25: SMTP in TLS arrives where SMTP is expected" },
		{ LISTEN("a", "ports = 25>2025\n") TO(V2),
		  "Stalwart asks for a login on every port but 25" },
		{ LISTEN("a", "ports = 587>25\n") TO(V2),
		  "on 25 Stalwart takes everybody for a stranger" },
		{ LISTEN("a", "ports = 25\nbind = 10.0.0.5\n") TO(""),
		  "on port 25 of a private address, which NAT may make public" },
		{ LISTEN("a", "ports = 143\nidle = 29m\n") TO(V2),
		  "an IMAP client in IDLE is silent for 29 minutes" },
		{ LISTEN("a", "ports = 25\nidle = 1m\n") TO(V2),
		  "SMTP allows 5 minutes between commands" },
		{ LISTEN("a", "ports = 26\nidle = 1m\nhalf-closed = 61s\n") TO(""),
		  "half-closed: 61s has no effect in [listen a]: idle ends a flow after 1m" },
		{ LISTEN("a", "ports = 26\n") WEB("ports = 27>26\n") TO_WEB("") TO(V2),
		  "[backend w] sends no PROXY header to port 26 of 100.64.0.2, [backend b] sends one" },
		{ LISTEN("a", "ports = 26\n") WEB("ports = 27>26\n") TO_WEB(V2) TO(""),
		  "[backend w] sends a PROXY header to port 26 of 100.64.0.2, [backend b] sends none" },
		{ LISTEN("a", "ports = 25\n") WEB("ports = 443\n") TO(V2) TO_WEB(""),
		  "the web stops for everybody" },
		{ LISTEN("a", "ports = 25 443\n") TO(""), "web and mail stop for everybody" },
		{ "[global]\nmax-flows = 401\n" LISTEN("a", "ports = 2525\n") TO(""),
		  "max-flows: 401, but RLIMIT_NOFILE here is 1024, enough for 400" },
	};
	struct report r;
	bool found;

	for (size_t i = 0; i < ARRAY_LEN(said); i++) {
		judge(said[i].text, &poor, &r);
		found = false;
		for (size_t k = 0; k < r.count; k++)
			found = found || strstr(r.at[k].text, said[i].words);
		cr_expect(found, "'%s' is not said of\n%s", said[i].words, said[i].text);
		report_finish(&r);
	}
}

Test(lint, the_machine)
{
	struct row same;

	for (size_t i = 0; i < ARRAY_LEN(machine_rows); i++) {
		expect_guilty(&machine_rows[i], &poor);
		expect_innocent(&machine_rows[i], &poor);
		same = machine_rows[i];
		same.innocent = same.guilty;
		expect_innocent(&same, &rich);
	}
}

Test(lint, each_has_a_row_and_a_story)
{
	for (enum lint_code code = 0; code < LINT_COUNT; code++) {
		const struct lint_story *s = lint_story(code);
		size_t found = 0, lines = 0, longest = 0;

		for (size_t i = 0; i < ARRAY_LEN(rows); i++)
			found += rows[i].code == code;
		for (size_t i = 0; i < ARRAY_LEN(machine_rows); i++)
			found += machine_rows[i].code == code;
		cr_expect(found, "nothing raises %s", s->code);
		cr_expect(s->code && s->summary && s->story, "%d has no story", (int)code);
		cr_expect(strspn(s->code, "abcdefghijklmnopqrstuvwxyz0123456789-") ==
				  strlen(s->code),
			  "%s", s->code);
		cr_expect(strlen(s->summary) <= 80 && !strchr(s->summary, '\n'), "%s", s->code);
		for (const char *p = s->story, *end; (end = strchr(p, '\n')); p = end + 1, lines++)
			longest = max_of(longest, (size_t)(end - p));
		cr_expect(lines >= 3 && lines <= 12 && longest <= 100, "%s: %zu lines, %zu wide",
			  s->code, lines, longest);
		expect_has(s->story, "\nDo: ", s->code);
		expect_num(lint_story_find(s->code), code, s->code);
	}
	expect_num(lint_story_find("bare"), LINT_COUNT, "no lint");
	expect_num(lint_story_find(""), LINT_COUNT, "nothing");
}

Test(lint, nearest_code)
{
	static const struct {
		const char *text;
		enum lint_code code;
	} slips[] = {
		{ "bare-name", LINT_BARE_NAME },
		{ "bare-nam", LINT_BARE_NAME },
		{ "brae-name", LINT_BARE_NAME },
		{ "bare_names", LINT_BARE_NAME },
		{ "proxy-of-25", LINT_PROXY_OFF_25 },
		{ "idle-smpt", LINT_IDLE_SMTP },
		{ "max-flows-limitsxyzw", LINT_COUNT },
		{ "frobnicate", LINT_COUNT },
		{ "", LINT_COUNT },
		{ "abc", LINT_COUNT },
		{ "one-family-one-family-one-family", LINT_COUNT },
	};

	for (size_t i = 0; i < ARRAY_LEN(slips); i++)
		expect_num(lint_story_nearest(slips[i].text), slips[i].code, slips[i].text);
	for (enum lint_code i = 0; i < LINT_COUNT; i++)
		expect_num(lint_story_nearest(lint_story(i)->code), i, lint_story(i)->code);
}

/* What a mistake left open is not judged: one mistake, one complaint. */
Test(lint, mistakes_are_not_linted)
{
	static const struct {
		const char *text, *complaints;
	} broken[] = {
		{ LISTEN("a", "ports = 25\n") TO("send-proxy = v3\n"), "6:send-proxy: 'v3'" },
		{ LISTEN("a", "ports = 993\nidle = 10\n") TO(V2), "4:idle: '10'" },
		{ "[listen a]\nports = 25\nbackend = c\n" TO(V2),
		  "3:backend: there is no|4:[backend b]: no listener" },
		{ LISTEN("a", "ports = 25\nbind = eth0\n") TO(""), "4:bind: 'eth0'" },
		{ LISTEN("a", "ports = x\n") TO(""), "3:ports: 'x'" },
		{ LISTEN("a", "ports = 25\n") "[backend b]\nserver = 1.2.3\n" V2,
		  "5:server: '1.2.3'" },
		{ "", "0:no [listen NAME] section" },
	};
	struct report r;

	for (size_t i = 0; i < ARRAY_LEN(broken); i++) {
		judge(broken[i].text, &rich, &r);
		expect_reported(&r, broken[i].complaints, broken[i].text);
		report_finish(&r);
	}
}

/* The deployment of the README, and that of a smarthost: nothing to say. */
Test(lint, silence)
{
	static const char *const texts[] = {
		LISTEN("a", "ports = 25 465 587 143 993\n") "[backend b]\nserver = s.t.ts.net\n" V2,
		LISTEN("a", "ports = 25 465 587 143 993\n")
			TO(V2) "[listen smarthost]\nports = 587>587\n"
			       "bind = 100.64.0.1\nbackend = relay\n"
			       "[backend relay]\nserver = smtp.example.com\n",
		"[listen demo]\nports = 2525\nbind = 127.0.0.1\nbackend = b\n"
		"[backend b]\nserver = 127.0.0.1:40000\n" V2,
	};
	struct report r;

	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		judge(texts[i], &rich, &r);
		expect_reported(&r, "", texts[i]);
		report_finish(&r);
	}
}

Test(lint, many_ports_and_servers_end_soon)
{
	char *text = NULL;
	size_t len = 0;
	FILE *f = open_memstream(&text, &len);
	struct report r;

	fprintf(f, "[listen a]\nports = 10000-11023\nbackend = b\n[backend b]\n");
	for (int i = 0; i < 20000; i++)
		fprintf(f, "server = 127.%d.%d.1\n", i / 250, i % 250);
	fclose(f);
	judge(text, &rich, &r);
	cr_expect(find(&r, LINT_OWN_LISTENER), "the first of them is found");
	report_finish(&r);
	free(text);
}

Test(reach, of_hosts)
{
	static const struct {
		const char *host;
		enum reach reach;
	} hosts[] = {
		{ "127.0.0.1", REACH_LOOPBACK },
		{ "127.255.255.255", REACH_LOOPBACK },
		{ "128.0.0.1", REACH_PUBLIC },
		{ "::1", REACH_LOOPBACK },
		{ "[::1]", REACH_LOOPBACK },
		{ "::2", REACH_PUBLIC },
		{ "::ffff:127.0.0.1", REACH_LOOPBACK },
		{ "100.64.0.0", REACH_TAILNET },
		{ "100.127.255.255", REACH_TAILNET },
		{ "100.128.0.0", REACH_PUBLIC },
		{ "100.63.255.255", REACH_PUBLIC },
		{ "fd7a:115c:a1e0:ab12::1", REACH_TAILNET },
		{ "fd7a:115c:a1e1::1", REACH_PRIVATE },
		{ "10.1.2.3", REACH_PRIVATE },
		{ "172.15.0.1", REACH_PUBLIC },
		{ "172.16.0.1", REACH_PRIVATE },
		{ "172.31.255.1", REACH_PRIVATE },
		{ "172.32.0.1", REACH_PUBLIC },
		{ "192.168.1.1", REACH_PRIVATE },
		{ "169.254.1.1", REACH_PRIVATE },
		{ "fe80::1", REACH_PRIVATE },
		{ "fec0::1", REACH_PUBLIC },
		{ "2001:db8::1", REACH_PUBLIC },
		{ "0.0.0.0", REACH_PUBLIC },
		{ "::", REACH_PUBLIC },
		{ "localhost", REACH_LOOPBACK },
		{ "LOCALHOST.", REACH_LOOPBACK },
		{ "localhostx", REACH_PUBLIC },
		{ "local", REACH_PUBLIC },
		{ "a.localhost", REACH_LOOPBACK },
		{ "mail.t.ts.net", REACH_TAILNET },
		{ "mail.t.TS.NET.", REACH_TAILNET },
		{ "mailts.net", REACH_PUBLIC },
		{ "nas.local", REACH_PRIVATE },
		{ "nas.home.arpa", REACH_PRIVATE },
		{ "mail.example.com", REACH_PUBLIC },
		{ "", REACH_PUBLIC },
	};

	for (size_t i = 0; i < ARRAY_LEN(hosts); i++)
		expect_num(reach_of_host(hosts[i].host), hosts[i].reach, hosts[i].host);
}
