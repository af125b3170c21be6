/* Answers of the control socket as text: figures, tables, and each verb's words. */
#include "control/present.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/bits.h"
#include "check.h"
#include "control/table.h"
#include "control/text.h"

/* What `print` printed; the caller's. */
#define PRINTED(text, ...)                                    \
	do {                                                  \
		size_t length_;                               \
		FILE *to = open_memstream(&(text), &length_); \
		__VA_ARGS__;                                  \
		fclose(to);                                   \
	} while (0)

static size_t widest(const char *text)
{
	size_t most = 0;
	char *copy = strdup(text), *rest = copy, *line;

	while ((line = strsep(&rest, "\n")))
		most = max_of(most, text_columns(line));
	free(copy);
	return most;
}

Test(present, figures)
{
	static const struct {
		uint64_t n;
		const char *bytes, *count, *span;
	} rows[] = {
		{ 0, "0 B", "0", "0ms" },
		{ 999, "999 B", "999", "999ms" },
		{ 1000, "1000 B", "1000", "1s" },
		{ 1023, "1023 B", "1023", "1s" },
		{ 1024, "1.0 KiB", "1024", "1s" },
		{ 59999, "58.6 KiB", "59999", "59s" },
		{ 60000, "58.6 KiB", "60000", "1m00s" },
		{ 102300, "99.9 KiB", "102300", "1m42s" },
		{ 102399, "100 KiB", "102399", "1m42s" },
		{ 1048063, "1023 KiB", "1048063", "17m28s" },
		{ 1048575, "1.0 MiB", "1048575", "17m28s" },
		{ 3600000, "3.4 MiB", "3600000", "1h00m" },
		{ 99999999, "95.4 MiB", "99999999", "1d03h" },
		{ 100000000, "95.4 MiB", "100M", "1d03h" },
		{ 999999999999, "931 GiB", "1.0T", "11574d01h" },
		{ UINT64_MAX, "16.0 EiB", "18.4E", NULL },
	};
	char text[TEXT_FIGURE];

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		expect_str(text_bytes(rows[i].n, text), rows[i].bytes, "bytes");
		cr_expect(strlen(text) <= 8, "%s", text);
		expect_str(text_count(rows[i].n, text), rows[i].count, "count");
		cr_expect(strlen(text) <= 8, "%s", text);
		if (rows[i].span)
			expect_str(text_span(rows[i].n, text), rows[i].span, "span");
	}
	expect_str(text_bits(0, text), "0 bit/s", "bits");
	expect_str(text_bits(1550000, text), "12.4 Mbit/s", "bits");
	expect_str(text_bits(1e30, text), "99999 Tbit/s", "nobody has that");
}

Test(present, terminals_are_safe)
{
	static const struct {
		const char *from, *to;
	} rows[] = { { "plain", "plain" },
		     { "\x1b[2J\a\t\x7f\n", "?[2J????" },
		     { "\xc2\x9b"
		       "1m\xc2\x80",
		       "??1m??" },
		     { "m\xc3\xa4il \xe2\x82\xac", "m\xc3\xa4il \xe2\x82\xac" },
		     { "\xc2", "\xc2" } };

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		char text[64];

		strcpy(text, rows[i].from);
		expect_str(text_clean(text), rows[i].to, rows[i].to);
	}
	expect_num(text_columns("m\xc3\xa4il"), 4, "columns");
	expect_num(text_cut("m\xc3\xa4il", 2), 3, "two columns");
	expect_num(text_cut("m\xc3\xa4il", 99), 5, "all");
	expect_num(text_cut("abc", 0), 0, "nothing");
}

Test(present, fields_are_folded)
{
	static const struct {
		const char *words, *printed;
	} rows[] = {
		{ "", "ab  \n" },
		{ "one two", "ab  one\n    two\n" },
		{ "one tw", "ab  one tw\n" },
		{ "abcdefgh ij", "ab  abcdef\n    gh ij\n" },
		{ "a   b    c d", "ab  a   b\n    c d\n" },
		{ "\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4",
		  "ab  \xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\n    \xc3\xa4\n" },
	};
	char *text;

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		PRINTED(text, text_field(to, "ab", 4, 10, rows[i].words));
		expect_str(text, rows[i].printed, rows[i].words);
		free(text);
	}
}

static void print_table(FILE *to, size_t width, enum table_fit fit, bool bold)
{
	static const struct column columns[] = { { "NAME", false },
						 { "N", true },
						 { "AT", false } };
	static const char *const cells[] = { "sho\at", "1", "x", "a-name-of-24-characters.",
					     "20000",  "" };
	struct table t;

	table_init(&t, columns, ARRAY_LEN(columns));
	table_heading(&t, "all of them");
	for (size_t i = 0; i < ARRAY_LEN(cells); i++)
		table_cell(&t, cells[i]);
	table_print(&t, to, width, fit, bold);
	table_finish(&t);
}

Test(present, tables)
{
	static const struct {
		size_t width;
		enum table_fit fit;
		bool bold;
		const char *printed;
	} rows[] = {
		{ 0, TABLE_FOLD, false,
		  "NAME                          N  AT\n"
		  "all of them\n"
		  "sho?t                         1  x\n"
		  "a-name-of-24-characters.  20000\n" },
		{ 25, TABLE_FOLD, false,
		  "NAME                N  AT\n"
		  "all of them\n"
		  "sho?t               1  x\n"
		  "a-name-of-24-characters.\n"
		  "                20000\n" },
		{ 25, TABLE_SHORTEN, false,
		  "NAME                N  AT\n"
		  "all of them\n"
		  "sho?t               1  x\n"
		  "a-name-of-24-c  20000\n" },
		{ 10, TABLE_CUT, true,
		  "\033[1mNAME\033[0m\n"
		  "all of the\n"
		  "sho?t\n"
		  "a-name-of-\n" },
	};
	char *text;

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		PRINTED(text, print_table(to, rows[i].width, rows[i].fit, rows[i].bold));
		expect_str(text, rows[i].printed, "table");
		free(text);
	}
}

static const char busy[] =
	"{'ok':true,'version':'0.1.0','pid':4711,'state':'draining','since':'2026-01-02T03:04:05Z',"
	"'uptime_s':273840,'config':{'file':'/etc/tailsplice/tailsplice.ini','hash':'0123456789abcdef',"
	"'loaded':'2026-01-02T03:04:05Z','reloads':3,'failed_reloads':1,'last_error':'the file has mistakes'},"
	"'workers':2,'ring':'defer-taskrun single-issuer','user':'tailsplice',"
	"'flows':{'live':312,'max':16000,'accepted':8123456789,'refused':17},"
	"'refusals':{'denied':5,'limit-flows':12},'ends':{'client-eof':81234,'denied':5},"
	"'bytes':{'up':1234567,'down':98765432100},"
	"'rates':{'connections_per_s':12.34,'up_bytes_per_s':1536,'down_bytes_per_s':0,'over_ms':1000},"
	"'paths':{'splice':81000,'copy':234},'bans':3,'log':{'level':'info','dropped':4},"
	"'listeners':[{'name':'mail','address':'0.0.0.0:25','backend':'stalwart','state':'accepting',"
	"'live':300,'accepted':999999999999,'refused':999999999,'up':1048063,'down':1048063},"
	"{'name':'mail','address':'[2001:db8:1111:2222:3333:4444:5555:6666]:25','backend':'stalwart',"
	"'state':'accepting','live':12,'accepted':1,'refused':0,'up':0,'down':0},"
	"{'name':'a-listener-whose-name-is-as-long-as-a-name-may-be-in-the-file.x','address':'[::1]:8080','backend':"
	"'a-backend-whose-name-is-as-long-as-a-name-may-be-in-the-file.yz','state':'paused','live':0}],"
	"'backends':[{'name':'stalwart','servers':["
	"{'name':'mailbox.tail1.ts.net','state':'ready','live':300,'weight':2,'backup':false,'share_percent':40,"
	"'addresses':[{'address':'100.64.0.2','up':true},{'address':'fd7a:115c:a1e0::2','up':false,'check':'down','reason':'connection refused'}],'source':'dns',"
	"'age_s':61,'error':'there is no such name (NXDOMAIN)'},"
	"{'name':'[fd7a:115c:a1e0::2]:25','state':'maint','live':0,'weight':1,'backup':true,'share_percent':100,"
	"'addresses':[{'address':'fd7a:115c:a1e0::2','up':true}],'source':null,'age_s':null,'error':null}],'send_proxy':'v2',"
	"'live':312,'connects':81234,'failed':9,'up':1,'down':2}],"
	"'tailnet':{'answers':true,'version':'1.98.3','mode':'kernel','self':{'name':'edge.tail1.ts.net','addresses':['100.64.0.1']},"
	"'nodes':[{'server':'tailnet:mailbox','verdict':'ghost','node':{'name':'mailbox-1.tail1.ts.net','addresses':['100.64.0.3'],"
	"'way':'direct to 192.0.2.1:41641','key_expiry':null},'other':{'name':'mailbox.tail1.ts.net','addresses':['100.64.0.2']}},"
	"{'server':'tailnet:spare','verdict':'unknown','node':null,'other':null}]}}";

/* Of text with ' for ". */
static json_t *read_json(const char *text)
{
	char *copy = strdup(text);
	json_t *object;

	for (char *p = copy; *p; p++)
		if (*p == '\'')
			*p = '"';
	object = json_loads(copy, 0, NULL);
	cr_assert(object, "the test's own JSON is wrong: %s", copy);
	free(copy);
	return object;
}

static char *presented(enum verb_id verb, const char *json, size_t width)
{
	const struct medium medium = { .width = width };
	json_t *answer = read_json(json);
	char *text;

	PRINTED(text, present(verb, answer, &medium, to));
	json_decref(answer);
	return text;
}

Test(present, status_fits_and_tells_everything)
{
	static const char *const parts[] = {
		"0.1.0",
		"draining",
		"3d04h",
		"2026-01-02T03:04:05Z",
		"/etc/tailsplice/tailsplice.ini",
		"0123456789abcdef",
		"3 done, 1 failed; the last one: the file has mistakes",
		"2 workers",
		"defer-taskrun single-issuer",
		"user tailsplice",
		"312 live of at most 16000",
		"17 refused",
		"limit-flows 12",
		"client-eof 81234",
		"up 1.2 MiB, down 92.0 GiB",
		"12.3 connections/s, up 1.5 KiB/s",
		"splice 81000, copy 234",
		"level info, 4 lines",
		"mail -> stalwart",
		"  0.0.0.0:25 ",
		"[2001:db8:1111:2222:3333:4444:5555:6666]:25",
		"[::1]:8080 ",
		"accepting",
		"paused",
		"1.0T",
		"100.64.0.2, fd7a:115c:a1e0::2 (down)\n",
		"    fd7a:115c:a1e0::2 down: connection refused\n",
		"there is no such name (NXDOMAIN); addresses of 1m01s ago\n",
		"maint     0  1 backup  fd7a:115c:a1e0::2\n",
		"  [fd7a:115c:a1e0::2]:25",
		"ready   300   2 (40%)  ",
		" -> a-backend-whose-name-is-as-long-as-a-name-may-be-in-the-file.yz\n",
		"81234",
		"tailscaled 1.98.3, kernel mode; this is edge.tail1.ts.net,",
		"  a ghost has the name: mailbox.tail1.ts.net (100.64.0.2)\n",
		"100.64.0.3  online ",
		"direct to 192.0.2.1:41641",
		"tailnet:spare",
	};
	static const size_t widths[] = { 0, 80, 72, 200 };

	for (size_t w = 0; w < ARRAY_LEN(widths); w++) {
		char *text = presented(VERB_STATUS, busy, widths[w]);

		cr_expect(widest(text) <= (widths[w] ? widths[w] : 80), "%zu wide:\n%s",
			  widest(text), text);
		for (size_t i = 0; i < ARRAY_LEN(parts); i++)
			expect_has(text, widths[w] == 72 ? "live" : parts[i], "status");
		free(text);
	}
}

Test(present, conns_are_aligned_and_whole)
{
	static const char json[] =
		"{'ok':true,'total':400,'matched':312,'conns':["
		"{'id':'0000017a','listener':'mail:25','client':'[2001:db8:1111:2222:3333:4444:5555:6666]:51234',"
		"'backend':'stalwart','server':'100.64.0.2:25','path':'splice','state':'relay','age_ms':61000,"
		"'idle_ms':12,'up':1536,'down':0,'rate':1024},"
		"{'id':'0000017b','listener':'submission:587','client':'203.0.113.7:1','backend':'stalwart',"
		"'server':null,'path':'-','state':'dial','age_ms':1,'idle_ms':1,'up':0,'down':0,'rate':0}]}";
	char *text = presented(VERB_CONNS, json, 0);

	expect_str(
		text,
		"ID        LISTENER        CLIENT                                          BACKEND   "
		"SERVER         PATH    STATE    AGE  IDLE       UP  DOWN   RATE/s\n"
		"0000017a  mail:25         [2001:db8:1111:2222:3333:4444:5555:6666]:51234  stalwart  "
		"100.64.0.2:25  splice  relay  1m01s  12ms  1.5 KiB   0 B  1.0 KiB\n"
		"0000017b  submission:587  203.0.113.7:1                                   stalwart  -"
		"              -       dial     1ms   1ms      0 B   0 B      0 B\n"
		"2 shown, 312 match, 400 live\n",
		"conns");
	free(text);
	text = presented(VERB_CONNS, json, 80);
	expect_num(widest(text), 80, "cut for a terminal");
	free(text);
}

Test(present, words_of_the_others)
{
	static const struct {
		enum verb_id verb;
		const char *json, *text;
	} rows[] = {
		{ VERB_KILL, "{'ok':true,'killed':'0000017a'}", "killed 0000017a\n" },
		{ VERB_BAN, "{'ok':true,'banned':'192.0.2.0/24','ttl_s':600,'ended':3}",
		  "banned 192.0.2.0/24 for 10m00s; 3 flows ended\n" },
		{ VERB_BAN, "{'ok':true,'banned':'192.0.2.7','ttl_s':null,'ended':1}",
		  "banned 192.0.2.7 until unban; 1 flow ended\n" },
		{ VERB_UNBAN, "{'ok':true,'unbanned':'192.0.2.7'}", "unbanned 192.0.2.7\n" },
		{ VERB_BANS, "{'ok':true,'bans':[]}", "no bans\n" },
		{ VERB_BANS,
		  "{'ok':true,'bans':[{'net':'192.0.2.0/24','ttl_s':59,'since':'2026-01-02T03:04:05Z'},"
		  "{'net':'2001:db8::/32','ttl_s':null,'since':'2026-01-02T03:04:05Z'}]}",
		  "NETWORK        LEFT  SINCE\n"
		  "192.0.2.0/24    59s  2026-01-02T03:04:05Z\n"
		  "2001:db8::/32     -  2026-01-02T03:04:05Z\n" },
		{ VERB_LOG_LEVEL, "{'ok':true,'level':'debug'}", "log level debug\n" },
		{ VERB_DRAIN, "{'ok':true,'draining':'mail'}",
		  "draining mail: it accepts no more\n" },
		{ VERB_DRAIN, "{'ok':true,'draining':null}",
		  "draining: it accepts no more, and ends with its last flow\n" },
		{ VERB_RELOAD,
		  "{'ok':true,'changed':{'added':['[::]:993'],'removed':['0.0.0.0:25'],'kept':4},'warnings':[]}",
		  "reloaded: 1 addresses added, 1 removed, 4 kept\n+ [::]:993\n- 0.0.0.0:25\n" },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		char *text = presented(rows[i].verb, rows[i].json, 0);

		expect_str(text, rows[i].text, verbs[rows[i].verb].name);
		free(text);
	}
}

Test(present, complaints)
{
	static const struct {
		const char *json, *text;
	} rows[] = {
		{ "{'ok':true}", "" },
		{ "{'ok':true,'warnings':['a.ini:3: warning: x [y]']}",
		  "a.ini:3: warning: x [y]\n" },
		{ "{'ok':false,'error':'the file has mistakes','code':'failed','errors':['a.ini:1: b','a.ini:2: c'],"
		  "'warnings':[]}",
		  "a.ini:1: b\na.ini:2: c\nreload: the file has mistakes\n" },
		{ "{'ok':false,'error':'\\u001b[2J'}", "reload: ?[2J\n" },
		{ "{'ok':false}", "reload: -\n" },
		{ "{'ok':1,'errors':[1,null,{}]}", "reload: -\n" },
	};
	char *text;

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		json_t *answer = read_json(rows[i].json);

		PRINTED(text, present_complaints(&verbs[VERB_RELOAD], answer, to));
		expect_str(text, rows[i].text, rows[i].json);
		free(text);
		json_decref(answer);
	}
}

Test(present, nothing_is_taken_for_granted)
{
	static const char *const answers[] = {
		"{}",
		"{'ok':true,'listeners':[1],'backends':[null],'conns':['x'],'bans':[[]],'changed':3}",
		"{'ok':true,'listeners':{},'flows':[],'rates':'fast','config':7,'refusals':[1,2],'ends':{'x':'y'}}",
		"{'conns':[{'id':1,'up':-5,'rate':1e300}],'uptime_s':9223372036854775807}",
		"{'backends':[{'servers':[1,null,{'addresses':[2,{}],'error':3}]}],'listeners':[{'address':':'},{'port':99999999}]}",
	};

	for (size_t i = 0; i < ARRAY_LEN(answers); i++) {
		for (enum verb_id v = 0; v < VERB_COUNT; v++) {
			char *text = presented(v, answers[i], 80);

			cr_expect(text[0] && widest(text) <= 80, "%s: %s", answers[i], text);
			free(text);
		}
	}
}
