/* A configuration of several files: what is read, in which order, and what is refused. */
#include "config/source.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "check.h"
#include "config/config.h"
#include "support/configs.h"

#define BACKEND "[backend b]\nserver = 192.0.2.1\n"

static char dir[] = "/tmp/tailsplice-test-XXXXXX";
static char path[200];

static const char *at(const char *name)
{
	snprintf(path, sizeof(path), "%s/%s", dir, name);
	return path;
}

static void put(const char *name, const char *text)
{
	FILE *f = fopen(at(name), "w");

	fputs(text, f);
	fclose(f);
}

static void open_dir(void)
{
	cr_assert(mkdtemp(dir));
	mkdir(at("conf.d"), 0700);
}

static void close_dir(void)
{
	char command[300];

	snprintf(command, sizeof(command), "rm -rf %s", dir);
	cr_assert(system(command) == 0);
	memcpy(dir + sizeof(dir) - 7, "XXXXXX", 6);
}

/* Each complaint as report_print writes it, without the folder; "" when it is accepted. */
static void complaints(char *out, size_t size, char hash[static 17])
{
	char file[200], line[600];
	struct report report;
	struct config *c;
	size_t used = 0;

	snprintf(file, sizeof(file), "%s/main.ini", dir);
	report_init(&report, file);
	c = config_load(file, &report);
	cr_assert(c);
	memcpy(hash, c->hash, 17);
	out[0] = '\0';
	for (size_t i = 0; i < report.count; i++) {
		report_format(&report, &report.at[i], line, sizeof(line));
		for (char *p; (p = strstr(line, dir));)
			memmove(p, p + strlen(dir) + 1, strlen(p + strlen(dir) + 1) + 1);
		used += (size_t)snprintf(out + used, size - used, "%s\n", line);
	}
	config_free(c);
	report_finish(&report);
}

static void expect_said(const char *wanted, const char *label)
{
	char text[2000], hash[17];

	complaints(text, sizeof(text), hash);
	expect_str(text, wanted, label);
}

Test(source, included_files_and_variables)
{
	open_dir();
	put(".env", "SERVER=192.0.2.7\nPATTERN=conf.d/*.ini\n");
	put("main.ini", "[global]\ninclude = ${PATTERN}\ninclude = extra.ini\n");
	put("conf.d/1.ini", "[listen a]\nports = 25\nbackend = b\n");
	put("conf.d/2.ini", "[backend b]\nserver = ${SERVER}\n");
	put("conf.d/3.txt", "not read");
	put("extra.ini", "[defaults]\nidle = 2h\n");
	expect_said("", "accepted");
	put("conf.d/2.ini", "\n[backend b]\nserver = ${SERVER}\n[listen a]\nidle = 3\n");
	put("extra.ini", "[defaults]\nidle = 2\n[backend b]\n");
	expect_said(
		"conf.d/2.ini:4: [listen a] stands here twice: first in line 1 of conf.d/1.ini\n"
		"extra.ini:2: idle: '2': expected a time from 1s to 30d with its unit (500ms, 10s, 35m, 1h)\n"
		"extra.ini:3: [backend b] stands here twice: first in line 2 of conf.d/2.ini\n",
		"mistakes have their file");
	close_dir();
}

Test(source, what_cannot_be_included)
{
	open_dir();
	put("main.ini",
	    "[global]\ninclude = no.ini\ninclude = no/*.ini\ninclude = conf.d\ninclude = main.ini\n"
	    "include = a.ini\ninclude = *.ini\ninclude =\n[listen a]\nports = 1\nbackend = b\n" BACKEND);
	put("a.ini", "[global]\n");
	expect_said("main.ini:2: include: there is no file no.ini\n"
		    "main.ini:4: include: conf.d cannot be read: it is a directory: name a file\n"
		    "main.ini:5: include: main.ini is read already\n"
		    "main.ini:7: include: a.ini is read already\n"
		    "main.ini:7: include: main.ini is read already\n"
		    "main.ini:8: include: '': expected a value\n"
		    "a.ini:1: [global] stands here twice: first in line 1\n",
		    "each with its reason");
	put("main.ini", "[global]\ninclude = a.ini\n[listen a]\nports = 1\nbackend = b\n" BACKEND);
	put("a.ini", "[global]\ninclude = b.ini\n");
	expect_said("a.ini:1: [global] stands here twice: first in line 1\n"
		    "a.ini:2: include: only the main file can include others\n",
		    "one level");
	close_dir();
}

Test(source, a_bad_env_file)
{
	open_dir();
	put("main.ini", "[listen a]\nports = 1\nbackend = b\n" BACKEND);
	put(".env", "A=1\nsecret\n");
	expect_said(".env:2: expected NAME=VALUE, where NAME has letters, digits and '_'\n",
		    "its line");
	unlink(at(".env"));
	mkdir(at(".env"), 0700);
	expect_said("main.ini: .env cannot be read: it is a directory: name a file\n",
		    "a directory");
	close_dir();
}

Test(source, too_many_files)
{
	char text[2000], hash[17], name[40];

	open_dir();
	put("main.ini",
	    "[global]\ninclude = conf.d/*\n[listen a]\nports = 1\nbackend = b\n" BACKEND);
	for (int i = 0; i <= LINES_FILES; i++) {
		snprintf(name, sizeof(name), "conf.d/%d", i);
		put(name, "");
	}
	complaints(text, sizeof(text), hash);
	expect_str(text, "main.ini:2: include: more than 200 files\n", "one more");
	close_dir();
}

Test(source, too_much_text)
{
	open_dir();
	put("main.ini",
	    "[global]\ninclude = big\ninclude = rest\n[listen a]\nports = 1\nbackend = b\n" BACKEND);
	put("big", "");
	put("rest", "; x\n");
	cr_assert(truncate(at("big"), CONFIG_SIZE_MAX) == 0);
	expect_said(
		"main.ini:2: include: big cannot be read: it is larger than 4 MiB, together with what was read "
		"before: not a configuration\n",
		"together");
	close_dir();
}

/* What changes it: any byte of any file. */
Test(source, hash)
{
	char text[200], hash[4][17];

	open_dir();
	put("main.ini", "[global]\ninclude = a\n[listen a]\nports = 1\nbackend = b\n" BACKEND);
	put("a", "");
	complaints(text, sizeof(text), hash[0]);
	expect_num(strspn(hash[0], "0123456789abcdef"), 16, "its form");
	complaints(text, sizeof(text), hash[1]);
	expect_str(hash[1], hash[0], "the same");
	put("a", ";");
	complaints(text, sizeof(text), hash[2]);
	cr_expect(strcmp(hash[2], hash[0]) != 0, "an included file");
	put(".env", "A=1");
	complaints(text, sizeof(text), hash[3]);
	cr_expect(strcmp(hash[3], hash[2]) != 0, "the environment's file");
	close_dir();
}

Test(source, lines_and_sections_have_a_limit)
{
	size_t size = (INI_LINES_MAX + 10) * 2;
	char *text = malloc(size + 1), heading[] = "[a]\n";
	struct report report;
	struct config *c;
	int said = 0;

	for (size_t i = 0; i < size; i += 2)
		memcpy(text + i, "\n\n", 2);
	report_init(&report, "x");
	c = config_parse("x", text, size, &report);
	expect_reported(&report, "0:no [listen NAME]|50000:more than 50000 lines", "lines");
	config_free(c);
	report_finish(&report);
	free(text);
	text = malloc((INI_SECTIONS_MAX + 10) * 4 + 1);
	for (size_t i = 0; i < INI_SECTIONS_MAX + 10; i++)
		strcpy(text + 4 * i, heading);
	report_init(&report, "x");
	c = config_parse("x", text, strlen(text), &report);
	for (size_t i = 0; i < report.count; i++)
		said += strncmp(report.at[i].text, "more than 10000 sections", 24) == 0;
	expect_num(said, 1, "sections");
	config_free(c);
	report_finish(&report);
	free(text);
}
