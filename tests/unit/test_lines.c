/* Line numbers that say by themselves which file they are of. */
#include "config/lines.h"

#include <stdio.h>

#include "check.h"

Test(lines, main_file)
{
	struct lines l = { 0 };
	char text[200], words[LINES_TEXT];

	expect_str(lines_format(&l, "a.ini", 0, text, sizeof(text)), "a.ini", "the whole file");
	expect_str(lines_format(&l, "a.ini", 7, text, sizeof(text)), "a.ini:7", "a line");
	expect_str(lines_words(&l, 7, words), "line 7", "in words");
	/* Nobody's line: the number is all there is to say. */
	expect_str(lines_format(&l, "a.ini", 123456789, text, sizeof(text)), "a.ini:123456789",
		   "far");
	lines_finish(&l);
}

Test(lines, included_files)
{
	struct lines l = { 0 }, copy;
	char text[200], words[LINES_TEXT], name[20];
	int before[LINES_FILES];

	for (int i = 0; i < LINES_FILES; i++) {
		snprintf(name, sizeof(name), "%d.ini", i);
		before[i] = lines_add(&l, name);
		cr_assert(before[i] > (i ? before[i - 1] : 0), "they go up, and do not wrap");
	}
	expect_num(lines_add(&l, "one more"), -1, "the limit");
	expect_str(lines_format(&l, "a.ini", before[0] + 1, text, sizeof(text)), "0.ini:1",
		   "first");
	expect_str(lines_format(&l, "a.ini", before[199] + 50001, text, sizeof(text)),
		   "199.ini:50001", "last");
	lines_copy(&copy, &l);
	lines_finish(&l);
	expect_num(l.count, 0, "finished");
	expect_str(lines_words(&copy, before[3] + 12, words), "line 12 of 3.ini",
		   "a copy is its own");
	lines_finish(&copy);
}
