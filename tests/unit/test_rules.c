/* The values of allow and deny, and the files they name. */
#include "config/rules.h"

#include <stdio.h>
#include <string.h>

#include "check.h"

/* "192.0.2.0/24 drop:2001:db8::/32 file=x" */
static const char *show(const struct rules *r)
{
	static char text[400];
	char net[NET_TEXT];
	size_t used = 0;

	text[0] = '\0';
	for (size_t i = 0; i < r->count; i++)
		used += (size_t)snprintf(text + used, sizeof(text) - used, "%s%s%s%s ",
					 r->at[i].has_how ? dismissal_words[r->at[i].how] : "",
					 r->at[i].has_how ? ":" : "", r->at[i].file ? "file=" : "",
					 r->at[i].file ? r->at[i].file
						       : net_format(&r->at[i].net, net));
	return text;
}

Test(rules, parse)
{
	static const struct {
		const char *text;
		bool may_say_how;
		const char *wrong, *shown;
	} rows[] = {
		{ "192.0.2.0/24", false, NULL, "192.0.2.0/24 " },
		{ "192.0.2.1, 2001:db8::/32\tfile:/a/b.txt", false, NULL,
		  "192.0.2.1 2001:db8::/32 file=/a/b.txt " },
		{ "drop 192.0.2.1 file:x", true, NULL, "drop:192.0.2.1 drop:file=x " },
		{ "tarpit ::/0", true, NULL, "tarpit:::/0 " },
		{ "reset 192.0.2.1", true, NULL, "reset:192.0.2.1 " },
		{ "drop 192.0.2.1", false, "not 'drop'", "" },
		{ "192.0.2.1 drop", true, "not 'drop'", "" },
		{ "drop drop 192.0.2.1", true, "not 'drop'", "" },
		{ "drop", true, "networks or file:PATH behind that word", "" },
		{ "", true, "a value", "" },
		{ "file:", true, "a path behind file:", "" },
		{ "file:a file:", true, "a path behind file:", "" },
		{ "192.0.2.1/24", true, "192.0.2.0/24 instead of 192.0.2.1/24: bits are set", "" },
		{ "192.0.2.0/33", true, "networks like 192.0.2.0/24", "" },
		{ "192.0.2", true, "networks like", "" },
		{ "all", true, "not 'all'", "" },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct rules r = { 0 };
		const char *wrong = rules_parse(rows[i].text, rows[i].may_say_how, &r);

		if (rows[i].wrong)
			expect_has(wrong, rows[i].wrong, rows[i].text);
		else
			cr_expect(!wrong, "'%s': expected %s", rows[i].text, wrong);
		expect_str(show(&r), rows[i].shown, rows[i].text);
		rules_finish(&r);
	}
}

Test(rules, lines_of_their_own)
{
	struct rules r = { 0 };

	cr_assert(!rules_parse("192.0.2.1 192.0.2.2", true, &r));
	rules_note_line(&r, 7);
	cr_assert(!rules_parse("192.0.2.3", true, &r));
	rules_note_line(&r, 9);
	cr_assert(rules_parse("192.0.2.4 x", true, &r));
	expect_num(r.count, 3, "a value that is wrong adds nothing");
	expect_num(r.at[0].line, 7, "1");
	expect_num(r.at[1].line, 7, "2");
	expect_num(r.at[2].line, 9, "3");
	rules_finish(&r);
}

/* "192.0.2.1@3 !@4 ": each answer with its line. */
static const char *read_list(const char *bytes, size_t len, char wrong[static NETLIST_TEXT])
{
	static char text[400];
	char net[NET_TEXT];
	struct netlist l;
	struct net n;
	size_t used = 0;
	int got;

	text[0] = wrong[0] = '\0';
	netlist_start(&l, bytes, len);
	while ((got = netlist_next(&l, &n, wrong)))
		used += (size_t)snprintf(text + used, sizeof(text) - used, "%s@%d ",
					 got > 0 ? net_format(&n, net) : "!", l.line);
	return text;
}

Test(rules, netlist)
{
	static const struct {
		const char *bytes, *shown, *wrong;
	} rows[] = {
		{ "", "", "" },
		{ "\n\n", "", "" },
		{ "192.0.2.1", "192.0.2.1@1 ", "" },
		{ "192.0.2.1\n", "192.0.2.1@1 ", "" },
		{ "192.0.2.1\r\n2001:db8::/32\r\n", "192.0.2.1@1 2001:db8::/32@2 ", "" },
		{ "# all\n ; of them\n\t192.0.2.0/24 \t; SBL1\n192.0.3.0/24#x",
		  "192.0.2.0/24@3 192.0.3.0/24@4 ", "" },
		{ "192.0.2.1 192.0.2.2\n", "!@1 ", "'192.0.2.1 192.0.2.2': expected a network" },
		{ "x\n192.0.2.1\ny", "!@1 192.0.2.1@2 !@3 ", "'y': expected a network" },
		{ "192.0.2.7/24", "!@1 ",
		  "'192.0.2.7/24': bits are set that do not count: expected 192.0.2.0/24" },
		{ "\x01\xff", "!@1 ",
		  "'?"
		  "?'" },
		{ "::ffff:192.0.2.0/120", "192.0.2.0/24@1 ", "" },
		{ "1111111111111111111111111111111111111111111111111111111111111111111111111111111111111111111111",
		  "!@1 ", "'111111111111111111111111111111111111111111111111': expected" },
	};
	char wrong[NETLIST_TEXT];

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		expect_str(read_list(rows[i].bytes, strlen(rows[i].bytes), wrong), rows[i].shown,
			   rows[i].bytes);
		expect_has(wrong, rows[i].wrong, rows[i].bytes);
	}
	expect_str(read_list("192.0.2.1\0", 10, wrong), "!@1 ", "a NUL is no end");
}
