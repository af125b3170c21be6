/* Requests of the control protocol: what each verb takes, and that a refusal says what was expected. */
#include "control/request.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/bits.h"
#include "check.h"

static int parse(const char *line, struct request *r, char why[static 400])
{
	why[0] = '\0';
	return request_parse(line, strlen(line), r, why, 400);
}

Test(request, the_table_is_complete)
{
	for (size_t i = 0; i < VERB_COUNT; i++) {
		cr_assert(verbs[i].name && verbs[i].summary, "row %zu", i);
		expect_num(verbs[i].id, i, verbs[i].name);
		cr_expect(verb_find(verbs[i].name) == &verbs[i], "%s", verbs[i].name);
		/* Both stand in one line of a terminal. */
		cr_expect(strlen(verbs[i].summary) < 90, "%s", verbs[i].name);
	}
	cr_expect(!verb_find("") && !verb_find("stat") && !verb_find("STATUS"), "no others");
}

Test(request, usage)
{
	static const struct {
		enum verb_id id;
		const char *arguments, *all;
	} rows[] = {
		{ VERB_STATUS, "", "[--watch]" },
		{ VERB_KILL, "ID...", "ID..." },
		{ VERB_BAN, "ADDR[/BITS] [TTL]", "ADDR[/BITS] [TTL]" },
		{ VERB_DRAIN, "[LISTENER|SERVER]", "[LISTENER|SERVER]" },
		{ VERB_MAINT, "SERVER", "SERVER" },
		{ VERB_CONNS, "",
		  "[--sort age|rate|bytes] [--client ADDR[/BITS]] [--listener NAME[:PORT]] [--limit N]" },
	};
	char text[200];

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const struct verb *v = &verbs[rows[i].id];

		expect_str(verb_usage(v, false, text, sizeof(text)), rows[i].arguments, v->name);
		expect_str(verb_usage(v, true, text, sizeof(text)), rows[i].all, v->name);
	}
	expect_str(verb_usage(&verbs[VERB_BAN], false, text, 5), "ADDR", "cut, not overrun");
}

Test(request, verbs_without_words)
{
	static const struct {
		const char *line;
		enum verb_id id;
	} rows[] = { { "status", VERB_STATUS },	     { "conns", VERB_CONNS },
		     { "bans", VERB_BANS },	     { "log-level", VERB_LOG_LEVEL },
		     { "drain", VERB_DRAIN },	     { "reload", VERB_RELOAD },
		     { " \treload\t ", VERB_RELOAD } };
	struct request r;
	char why[400];

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		expect_num(parse(rows[i].line, &r, why), 0, rows[i].line);
		expect_num(r.verb->id, rows[i].id, rows[i].line);
		cr_expect(!r.listener[0] && !r.has_net && !r.has_level && !r.ttl, "%s: %s",
			  rows[i].line, why);
		expect_num(r.limit, REQUEST_ROWS, rows[i].line);
		expect_num(r.sort, LISTING_AGE, rows[i].line);
	}
}

Test(request, kill)
{
	static const struct {
		const char *line;
		uint64_t flow;
	} rows[] = { { "kill 0000017a", 0x17a },
		     { "kill 17A", 0x17a },
		     { "kill 0", 0 },
		     { "kill  ffffffffffffffff", UINT64_MAX } };
	struct request r;
	char why[400];

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		expect_num(parse(rows[i].line, &r, why), 0, rows[i].line);
		expect_num(r.flow, rows[i].flow, rows[i].line);
	}
}

Test(request, bans)
{
	static const struct {
		const char *line;
		enum verb_id id;
		const char *net;
		msec_t ttl;
	} rows[] = {
		{ "ban 192.0.2.7", VERB_BAN, "192.0.2.7", 0 },
		{ "ban 192.0.2.0/24 10m", VERB_BAN, "192.0.2.0/24", 600000 },
		{ "ban 2001:db8::/32 1s", VERB_BAN, "2001:db8::/32", 1000 },
		{ "ban ::ffff:192.0.2.7 365d", VERB_BAN, "192.0.2.7", 365ull * 86400000 },
		{ "unban 2001:db8::7", VERB_UNBAN, "2001:db8::7", 0 },
		{ "conns client=10.0.0.0/8", VERB_CONNS, "10.0.0.0/8", 0 },
	};
	struct request r;
	char why[400], text[NET_TEXT];

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		expect_num(parse(rows[i].line, &r, why), 0, rows[i].line);
		expect_num(r.verb->id, rows[i].id, rows[i].line);
		cr_assert(r.has_net, "%s: %s", rows[i].line, why);
		expect_str(net_format(&r.net, text), rows[i].net, rows[i].line);
		expect_num(r.ttl, rows[i].ttl, rows[i].line);
	}
}

Test(request, servers)
{
	static const struct {
		const char *line;
		enum verb_id id;
		const char *backend, *server;
	} rows[] = {
		{ "drain stalwart/100.64.0.2", VERB_DRAIN, "stalwart", "100.64.0.2" },
		{ "ready stalwart/mail.t.ts.net:25", VERB_READY, "stalwart", "mail.t.ts.net:25" },
		{ "maint s-1.x_y/[fd7a::2]:25", VERB_MAINT, "s-1.x_y", "[fd7a::2]:25" },
		{ "maint s/tailnet:mailbox", VERB_MAINT, "s", "tailnet:mailbox" },
		{ "maint s/fe80::1%eth0", VERB_MAINT, "s", "fe80::1%eth0" },
		{ "maint s/a/b", VERB_MAINT, "s", "a/b" },
	};
	struct request r;
	char why[400];

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		expect_num(parse(rows[i].line, &r, why), 0, rows[i].line);
		expect_num(r.verb->id, rows[i].id, rows[i].line);
		expect_str(r.backend, rows[i].backend, rows[i].line);
		expect_str(r.server, rows[i].server, rows[i].line);
		expect_str(r.listener, "", rows[i].line);
	}
}

Test(request, listeners)
{
	static const struct {
		const char *line, *listener;
		uint16_t port;
	} rows[] = {
		{ "drain mail", "mail", 0 },
		{ "drain acme-http.01_x", "acme-http.01_x", 0 },
		{ "conns listener=mail", "mail", 0 },
		{ "conns listener=mail:25", "mail", 25 },
		{ "conns listener=m:65535", "m", 65535 },
		{ "drain aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffff123",
		  "aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffff123", 0 },
	};
	struct request r;
	char why[400];

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		expect_num(parse(rows[i].line, &r, why), 0, rows[i].line);
		expect_str(r.listener, rows[i].listener, rows[i].line);
		expect_num(r.port, rows[i].port, rows[i].line);
	}
}

Test(request, conns_and_levels)
{
	static const struct {
		const char *line;
		enum listing_sort sort;
		uint32_t limit;
		bool has_level;
		enum log_level level;
	} rows[] = {
		{ "conns sort=age", LISTING_AGE, 100, false, LOG_ERROR },
		{ "conns limit=0 sort=rate", LISTING_RATE, 0, false, LOG_ERROR },
		{ "conns sort=bytes limit=1000000", LISTING_BYTES, 1000000, false, LOG_ERROR },
		{ "log-level error", LISTING_AGE, 100, true, LOG_ERROR },
		{ "log-level warn", LISTING_AGE, 100, true, LOG_WARN },
		{ "log-level info", LISTING_AGE, 100, true, LOG_INFO },
		{ "log-level debug", LISTING_AGE, 100, true, LOG_DEBUG },
	};
	struct request r;
	char why[400];

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		expect_num(parse(rows[i].line, &r, why), 0, rows[i].line);
		expect_num(r.sort, rows[i].sort, rows[i].line);
		expect_num(r.limit, rows[i].limit, rows[i].line);
		expect_num(r.has_level, rows[i].has_level, rows[i].line);
		expect_num(r.level, rows[i].level, rows[i].line);
	}
}

Test(request, refused)
{
	static const struct {
		const char *line, *why;
	} rows[] = {
		{ "",
		  "expected one of status conns kill ban unban bans log-level drain ready maint reload" },
		{ " \t ", "expected one of status" },
		{ "frobnicate", "unknown verb 'frobnicate': expected one of status" },
		{ "stauts", "unknown verb 'stauts': did you mean status? expected one of status" },
		{ "cons", "did you mean conns?" },
		{ "log_level debug", "did you mean log-level?" },
		{ "relaod", "did you mean reload?" },
		{ "unbann", "did you mean unban?" },
		{ "kll", "did you mean kill?" },
		{ "x", "unknown verb 'x': expected one of" },
		{ "log-levellllllll", "unknown verb 'log-levellllllll': expected one of" },
		{ "Status", "unknown verb 'Status'" },
		{ "status=1", "unknown verb" },
		{ "status now", "status: unexpected 'now': it takes no argument" },
		{ "reload x=1", "reload: unknown option 'x': expected none" },
		{ "conns order=age", "conns: unknown option 'order': expected one of sort client" },
		{ "conns =", "unknown option ''" },
		{ "conns sort=age sort=rate", "conns: sort is given twice" },
		{ "conns sort=size", "conns: sort 'size': expected age, rate or bytes" },
		{ "conns sort=", "expected age, rate or bytes" },
		{ "conns limit=1000001", "limit '1000001': expected a number from 0 to 1000000" },
		{ "conns limit=-1", "expected a number" },
		{ "conns limit=1=2", "expected a number" },
		{ "conns listener=mail:0", "expected NAME or NAME:PORT" },
		{ "conns listener=:25", "expected NAME or NAME:PORT" },
		{ "conns listener=mail:25:26", "expected NAME or NAME:PORT" },
		{ "conns client=192.0.2.7/24", "192.0.2.0/24" },
		{ "kill", "kill: an argument is missing: expected ID" },
		{ "kill 1 2", "kill: unexpected '2': expected ID... and no more" },
		{ "kill 0x17", "1 to 16 hex digits" },
		{ "kill 00000000000000017", "1 to 16 hex digits" },
		{ "kill -1", "1 to 16 hex digits" },
		{ "ban", "an argument is missing: expected ADDR[/BITS] [TTL]" },
		{ "ban mail.example.org", "expected an address or a network, like 192.0.2.7" },
		{ "ban 192.0.2.7/33", "expected an address or a network" },
		{ "ban 192.0.2.7/", "expected an address or a network" },
		{ "ban 192.0.2.7/24", "a network without bits behind its prefix: 192.0.2.0/24" },
		{ "ban 2001:db8::1/64", "2001:db8::/64" },
		{ "ban 192.0.2.7 0s", "TTL '0s': expected a time from 1s to 365d" },
		{ "ban 192.0.2.7 366d", "from 1s to 365d" },
		{ "ban 192.0.2.7 10", "with its unit" },
		{ "ban 192.0.2.7 1m 2m",
		  "unexpected '2m': expected ADDR[/BITS] [TTL] and no more" },
		{ "unban 192.0.2.7 1m", "unexpected '1m': expected ADDR[/BITS] and no more" },
		{ "log-level loud", "expected error, warn, info or debug" },
		{ "drain a b", "unexpected 'b'" },
		{ "drain a/", "expected BACKEND/SERVER, the server as in the file" },
		{ "ready", "an argument is missing: expected SERVER" },
		{ "maint a!/b", "with the name of a backend" },
		{ "drain mail:25", "expected the name of a listener" },
		{ "drain aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffff1234",
		  "expected the name of a listener" },
		{ "status\r", "byte 7 is 0x0d: a request has printable ASCII characters only" },
		{ "st\x1b[2Jatus", "byte 3 is 0x1b" },
		{ "drain m\xc3\xa4il", "byte 8 is 0xc3" },
		{ "status\x7f", "byte 7 is 0x7f" },
	};
	struct request r;
	char why[400];

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		expect_num(parse(rows[i].line, &r, why), -EINVAL, rows[i].line);
		expect_has(why, rows[i].why, rows[i].line);
	}
}

Test(request, nul_inside)
{
	struct request r;
	char why[400];

	expect_num(request_parse("status\0", 7, &r, why, sizeof(why)), -EINVAL, "at the end");
	expect_has(why, "byte 7 is 0x00", "at the end");
	expect_num(request_parse("\0status", 7, &r, why, sizeof(why)), -EINVAL, "first");
}

Test(request, length)
{
	char line[REQUEST_MAX + 1], why[400];
	struct request r;

	memset(line, ' ', sizeof(line));
	memcpy(line, "status", 6);
	expect_num(request_parse(line, REQUEST_MAX - 1, &r, why, sizeof(why)), 0, "the longest");
	expect_num(request_parse(line, REQUEST_MAX, &r, why, sizeof(why)), -E2BIG, "one more");
	expect_has(why, "at most 4096 bytes", "one more");
	memset(line, 'x', sizeof(line));
	expect_num(request_parse(line, REQUEST_MAX - 1, &r, why, sizeof(why)), -EINVAL, "one word");
	cr_expect(strlen(why) < 300, "a long word is cut: %s", why);
	expect_num(request_parse(line, REQUEST_MAX - 1, &r, why, 8), -EINVAL, "no room for words");
	expect_num(strlen(why), 7, "no room for words");
}
