/* What our reader around inih makes of a file: sections, entries, lines, complaints. */
#include "config/ini.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/bits.h"
#include "check.h"

/* "[name]1 key=value2 +key=value3 | 4:complaint" with the lines as numbers. */
static void show(const struct ini *ini, const struct report *r, char *out, size_t size)
{
	size_t used = 0;

#define SHOW(...) used += (size_t)snprintf(out + used, used < size ? size - used : 0, __VA_ARGS__)
	out[0] = '\0';
	for (size_t i = 0; i < ini->count; i++) {
		const struct ini_section *s = &ini->at[i];

		SHOW("[%s]%d ", s->name, s->line);
		for (size_t k = 0; k < s->count; k++)
			SHOW("%s%s=%s@%d ", s->at[k].continued ? "+" : "", s->at[k].key,
			     s->at[k].value, s->at[k].line);
	}
	for (size_t i = 0; i < r->count; i++)
		SHOW("| %d:%.24s ", r->at[i].line, r->at[i].text);
#undef SHOW
}

static void expect_ini(const char *bytes, size_t len, const char *wanted, const char *label)
{
	/* Exactly as long as it is: a read beyond is seen by the address sanitizer. */
	char *copy = malloc(len ? len : 1), text[2000];
	struct report report;
	struct ini ini;

	memcpy(copy, bytes, len);
	report_init(&report, "x.ini");
	ini_read(&ini, copy, len, &report);
	show(&ini, &report, text, sizeof(text));
	expect_str(text, wanted, label);
	ini_free(&ini);
	report_finish(&report);
	free(copy);
}

struct row {
	const char *label, *bytes, *wanted;
};

static void check(const struct row *rows, size_t count)
{
	for (size_t i = 0; i < count; i++)
		expect_ini(rows[i].bytes, strlen(rows[i].bytes), rows[i].wanted, rows[i].label);
}

Test(ini, files)
{
	static const struct row rows[] = {
		{ "nothing", "", "" },
		{ "one newline", "\n", "" },
		{ "plain", "[a]\nk = v\n\n[b]\nl = w\n", "[a]1 k=v@2 [b]4 l=w@5 " },
		{ "no final newline", "[a]\nk = v", "[a]1 k=v@2 " },
		{ "a heading without newline", "[a]", "[a]1 " },
		{ "CRLF", "[a]\r\nk = v\r\n\r\nl = w\r\n", "[a]1 k=v@2 l=w@4 " },
		{ "empty sections", "[a]\n[b]\n[c]\n", "[a]1 [b]2 [c]3 " },
		{ "a section twice", "[a]\nk = 1\n[a]\nk = 2\n", "[a]1 k=1@2 [a]3 k=2@4 " },
		{ "a key twice", "[a]\nk = 1\nk = 2\n", "[a]1 k=1@2 k=2@3 " },
		{ "a name of two words", "[listen mail]\n", "[listen mail]1 " },
		{ "blanks around", "[a]\n k2=1\n[b]\nk \t=\t v w \t\n",
		  "[a]1 k2=1@2 [b]3 k=v w@4 " },
		{ "an empty value", "[a]\nk =\nl = \n", "[a]1 k=@2 l=@3 " },
		{ "an empty key", "[a]\n= v\n", "[a]1 =v@2 " },
		{ "= and : in a value", "[a]\nk = a=b:c\n", "[a]1 k=a=b:c@2 " },
		{ "text behind a heading", "[a] x\nk = v\n", "[a]1 k=v@2 " },
	};

	check(rows, ARRAY_LEN(rows));
}

Test(ini, comments)
{
	static const struct row rows[] = {
		{ "whole lines", "; x\n# [y]\n[a]\n;k = v\n#k = v\n  ; k = v\nk = v\n",
		  "[a]3 k=v@7 " },
		{ "behind a value", "[a]\nk = v ; x\nl = w\t; y\n", "[a]1 k=v@2 l=w@3 " },
		{ "; inside a value", "[a]\nk = v;w\n", "[a]1 k=v;w@2 " },
		{ "# is no comment there", "[a]\nk = v # w\n", "[a]1 k=v # w@2 " },
		{ "behind a heading", "[a] ; x\nk = v\n", "[a]1 k=v@2 " },
		{ "only a comment as value", "[a]\nk = ; x\n", "[a]1 k=@2 " },
	};

	check(rows, ARRAY_LEN(rows));
}

Test(ini, indented_lines_go_on)
{
	static const struct row rows[] = {
		{ "blanks", "[a]\nk = 1\n  2\n\t3\nl = 4\n", "[a]1 k=1@2 +k=2@3 +k=3@4 l=4@5 " },
		{ "behind a blank line", "[a]\nk = 1\n\n  2\n", "[a]1 k=1@2 +k=2@4 " },
		{ "behind a comment", "[a]\nk = 1\n ; x\n  2 ; y\n", "[a]1 k=1@2 +k=2@4 " },
		{ "a key of its own", "[a]\nk = 1\n  l = 2\n\t m=3\n  4\n",
		  "[a]1 k=1@2 l=2@3 m=3@4 +m=4@5 " },
		{ "not a key: a map of ports", "[a]\nk = 1\n  2>3\n", "[a]1 k=1@2 +k=2>3@3 " },
		{ "blanks only", "[a]\nk = 1\n   \nl = 2\n", "[a]1 k=1@2 l=2@4 " },
	};

	check(rows, ARRAY_LEN(rows));
}

/* People indent whole sections; a heading is a heading wherever it stands. */
Test(ini, an_indented_heading_is_a_heading)
{
	static const struct row rows[] = {
		{ "the first", "  [a]\nk = v\n", "[a]1 k=v@2 " },
		{ "behind a section", "[a]\n  [b]\nk = v\n", "[a]1 [b]2 k=v@3 " },
		{ "behind a key", "[a]\nk = v\n  [b]\nl = w\n", "[a]1 k=v@2 [b]3 l=w@4 " },
	};

	check(rows, ARRAY_LEN(rows));
}

Test(ini, a_byte_order_mark_is_skipped)
{
	static const struct row rows[] = {
		{ "and a heading", "\xef\xbb\xbf[a]\nk = v\n", "[a]1 k=v@2 " },
		{ "and a comment", "\xef\xbb\xbf; x\n[a]\n", "[a]2 " },
		{ "and nothing", "\xef\xbb\xbf", "" },
		{ "in the middle it is text", "[a]\n\xef\xbb\xbfk = v\n",
		  "[a]1 \xef\xbb\xbfk=v@2 " },
	};

	check(rows, ARRAY_LEN(rows));
}

Test(ini, complaints)
{
	static const struct row rows[] = {
		{ "no =", "[a]\nports 25\nk = v\n", "[a]1 k=v@3 | 2:expected KEY = VALUE or  " },
		{ ": instead", "[a]\nserver: b\nk = v\n",
		  "[a]1 k=v@3 | 2:expected KEY = VALUE or  " },
		{ ": before =", "[a]\nk:x = y\n", "[a]1 | 2:expected KEY = VALUE or  " },
		{ "several", "[a]\nx\nk = v\ny\n",
		  "[a]1 k=v@3 | 2:expected KEY = VALUE or  | 4:expected KEY = VALUE or  " },
		{ "no ]", "[a\nk = v\n",
		  "| 1:the heading of a section | 2:'k' stands before the fi " },
		{ "before any section", "k = v\n[a]\nl = w\n",
		  "[a]2 l=w@3 | 1:'k' stands before the fi " },
		{ "a comment before =", "[a]\nk ; x = v\n", "[a]1 | 2:expected KEY = VALUE or  " },
		{ "indented below a heading", "[a]\n  x\n[b]\n  y\n",
		  "[a]1 [b]3 | 2:expected KEY = VALUE or  | 4:expected KEY = VALUE or  " },
	};

	check(rows, ARRAY_LEN(rows));
}

Test(ini, nul_bytes)
{
	static const char bytes[] = "[a]\nk = v\0w\nl = w\n[\0b]\nm = x\n\0";

	expect_ini(bytes, sizeof(bytes) - 1,
		   "[a]1 l=w@3 m=x@5 | 2:a NUL byte: this is not  | 4:a NUL byte: this is not  "
		   "| 6:a NUL byte: this is not  ",
		   "NUL");
}

static void expect_long(size_t total, const char *start, const char *complaint)
{
	char bytes[400] = "[a]\n", wanted[500];
	size_t at = 4, n = strlen(start);

	memcpy(bytes + at, start, n);
	memset(bytes + at + n, 'x', total - n);
	strcpy(bytes + at + total, "\nl = w\n");
	if (complaint)
		snprintf(wanted, sizeof(wanted), "[a]1 l=w@3 | 2:%.24s ", complaint);
	else
		snprintf(wanted, sizeof(wanted), "[a]1 k=%.*s@2 l=w@3 ", (int)(total - n),
			 bytes + at + n);
	expect_ini(bytes, strlen(bytes), wanted, start);
}

/* Nothing is ever cut in silence, which inih alone would do at 200. */
Test(ini, long_lines)
{
	expect_long(150, "k = ", NULL);
	expect_long(197, "k = ", NULL);
	expect_long(198, "k = ", NULL);
	expect_long(199, "k = ", "the line is longer than 198 characters");
	expect_long(200, "k = ", "the line is longer than 198 characters");
	expect_long(300, "k = ", "the line is longer than 198 characters");
}

Test(ini, long_words)
{
	char bytes[300], wanted[400], word[60];

	memset(word, 'x', sizeof(word));
	for (size_t len = 45; len < 55; len++) {
		snprintf(bytes, sizeof(bytes), "[%.*s]\n%.*s= v\n", (int)len, word, (int)len, word);
		snprintf(wanted, sizeof(wanted), "[%.*s]1 %.*s=v@2 ", (int)len, word, (int)len,
			 word);
		if (len > 49)
			snprintf(wanted, sizeof(wanted), "[%.*s]1 | 1:%.24s | 2:%.24s ", (int)len,
				 word, "a section's name is longer than 49",
				 "a key is longer than 49 characters");
		expect_ini(bytes, strlen(bytes), wanted, bytes);
	}
}

Test(ini, many_sections_and_keys)
{
	struct report report;
	struct ini ini;
	char *text = NULL;
	size_t len = 0;
	FILE *f = open_memstream(&text, &len);

	for (int s = 0; s < 300; s++) {
		fprintf(f, "[s%d]\n", s);
		for (int k = 0; k < 30; k++)
			fprintf(f, "k%d = %d\n", k, s * 30 + k);
	}
	fclose(f);
	report_init(&report, "x.ini");
	ini_read(&ini, text, len, &report);
	expect_num(report.count, 0, "complaints");
	expect_num(ini.count, 300, "sections");
	expect_num(ini.at[299].count, 30, "keys");
	expect_str(ini.at[299].at[29].value, "8999", "the last");
	expect_num(ini.at[299].at[29].line, 300 * 31, "the last");
	ini_free(&ini);
	report_finish(&report);
	free(text);
}
