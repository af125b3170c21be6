/* Verdicts of allow and deny, and files that change. */
#include "edge/lists.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "check.h"
#include "config/rules.h"
#include "support/configs.h"

static struct {
	char directory[40], path[60];
	struct report report;
	struct config *config;
	struct lists *lists;
	int log[2];
} desk;

static void write_list(const char *text)
{
	char next[80];
	FILE *f;

	/* As a careful writer does: a new file takes the place of the old one. */
	snprintf(next, sizeof(next), "%s.new", desk.path);
	f = fopen(next, "w");
	cr_assert(f && fputs(text, f) >= 0 && fclose(f) == 0);
	cr_assert(rename(next, desk.path) == 0);
}

static void set_up(void)
{
	strcpy(desk.directory, "/tmp/lists-XXXXXX");
	cr_assert(mkdtemp(desk.directory));
	snprintf(desk.path, sizeof(desk.path), "%s/deny.txt", desk.directory);
	cr_assert(pipe(desk.log) == 0);
	log_setup(LINE_LOGFMT, LOG_INFO);
	log_setup_fd(desk.log[1]);
}

static void open_lists(const char *keys)
{
	char text[600], file[80];

	snprintf(text, sizeof(text),
		 "[listen a]\nports = 25\nbackend = b\n%s[backend b]\nserver = 192.0.2.1\n", keys);
	snprintf(file, sizeof(file), "%s/test.ini", desk.directory);
	desk.config = config_of(text);
	report_init(&desk.report, "test.ini");
	desk.lists = lists_open(&desk.config->listens[0], file, &desk.report);
}

static void close_lists(void)
{
	lists_close(desk.lists);
	report_finish(&desk.report);
	config_free(desk.config);
}

static void tear_down(void)
{
	unlink(desk.path);
	rmdir(desk.directory);
	log_setup_fd(STDERR_FILENO);
	close(desk.log[0]);
	close(desk.log[1]);
}

static const char *heard(void)
{
	static char text[4096];
	ssize_t n;

	cr_assert(write(desk.log[1], "\n", 1) == 1);
	n = read(desk.log[0], text, sizeof(text) - 1);
	text[n > 0 ? n - 1 : 0] = '\0';
	return text;
}

/* "-", or what the client gets. */
static const char *verdict(const char *client)
{
	enum dismissal how = DISMISS_RESET;
	struct addr a = { 0 };

	cr_assert(addr_parse(&a, client, 4711), "%s", client);
	return lists_deny(desk.lists, &a, &how) ? dismissal_words[how] : "-";
}

Test(lists, verdicts)
{
	static const struct {
		const char *keys, *client, *verdict;
	} rows[] = {
		{ "", "192.0.2.1", "-" },
		{ "deny = 192.0.2.0/24\n", "192.0.2.1", "reset" },
		{ "deny = 192.0.2.0/24\n", "::ffff:192.0.2.1", "reset" },
		{ "deny = 192.0.2.0/24\n", "192.0.3.1", "-" },
		{ "deny = 192.0.2.0/24\n", "2001:db8::1", "-" },
		{ "allow = 192.0.2.0/24\n", "192.0.2.1", "-" },
		{ "allow = 192.0.2.0/24\n", "192.0.3.1", "reset" },
		{ "allow = 192.0.2.0/24\n", "2001:db8::1", "reset" },
		{ "allow = 0.0.0.0/0\n", "192.0.2.1", "-" },
		{ "allow = 0.0.0.0/0\n", "2001:db8::1", "reset" },
		{ "allow = 0.0.0.0/0 ::/0\n", "2001:db8::1", "-" },
		{ "allow = 192.0.2.0/24\ndeny = 192.0.2.64/26\n", "192.0.2.1", "-" },
		{ "allow = 192.0.2.0/24\ndeny = 192.0.2.64/26\n", "192.0.2.65", "reset" },
		{ "allow = 192.0.2.65\ndeny = 192.0.2.64/26\n", "192.0.2.65", "-" },
		{ "allow = 192.0.2.0/24\ndeny = 192.0.2.0/24\n", "192.0.2.1", "reset" },
		{ "allow = 192.0.2.0/24\ndeny = 0.0.0.0/0\n", "192.0.2.1", "-" },
		{ "deny = drop 192.0.2.0/24\ndeny = tarpit 192.0.2.1\ndeny = 192.0.2.2\n",
		  "192.0.2.9", "drop" },
		{ "deny = drop 192.0.2.0/24\ndeny = tarpit 192.0.2.1\ndeny = 192.0.2.2\n",
		  "192.0.2.1", "tarpit" },
		{ "deny = drop 192.0.2.0/24\ndeny = tarpit 192.0.2.1\ndeny = 192.0.2.2\n",
		  "192.0.2.2", "reset" },
		{ "deny = reset 192.0.2.1\ndeny = 192.0.2.2\ndeny-action = drop\n", "192.0.2.1",
		  "reset" },
		{ "deny = reset 192.0.2.1\ndeny = 192.0.2.2\ndeny-action = drop\n", "192.0.2.2",
		  "drop" },
		{ "allow = 192.0.2.1\ndeny-action = tarpit\n", "192.0.2.2", "tarpit" },
	};

	set_up();
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		char label[200];

		open_lists(rows[i].keys);
		snprintf(label, sizeof(label), "%s%s", rows[i].keys, rows[i].client);
		expect_str(verdict(rows[i].client), rows[i].verdict, label);
		cr_expect(!lists_have_files(desk.lists));
		close_lists();
	}
	tear_down();
}

Test(lists, file_beside_the_configuration)
{
	set_up();
	write_list("192.0.2.0/24 ; SBL1\n\n# x\n2001:db8::/32\n");
	open_lists("deny = file:deny.txt\ndeny = drop 192.0.2.7\n");
	expect_num(desk.report.count, 0, "complaints");
	cr_expect(lists_have_files(desk.lists));
	expect_str(verdict("192.0.2.1"), "reset", "of the file");
	expect_str(verdict("192.0.2.7"), "drop", "inline");
	expect_str(verdict("2001:db8::1"), "reset", "of the file");
	close_lists();
	tear_down();
}

Test(lists, complaints)
{
	static const struct {
		const char *list, *keys, *text;
	} rows[] = {
		{ NULL, "deny = file:deny.txt\n",
		  "test.ini:4: deny: DIR/deny.txt cannot be read: No such file" },
		{ NULL, "allow = file:/\n",
		  "test.ini:4: allow: / cannot be read: it is no regular file" },
		{ "192.0.2.1\n\n192.0.2.300\n", "deny = file:deny.txt\n",
		  "DIR/deny.txt:3: '192.0.2.300': expected a network" },
		{ "1\n2\n3\n4\n5\n6\n7\n8\n9\na\nb\nc\n", "deny = file:deny.txt\n",
		  "DIR/deny.txt:12: and 2 more lines are wrong" },
	};
	char text[400], wanted[300];

	set_up();
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const char *dir = strstr(rows[i].text, "DIR");

		unlink(desk.path);
		if (rows[i].list)
			write_list(rows[i].list);
		open_lists(rows[i].keys);
		cr_assert(desk.report.errors, "%s", rows[i].text);
		report_format(&desk.report, &desk.report.at[desk.report.count - 1], text,
			      sizeof(text));
		snprintf(wanted, sizeof(wanted), "%.*s%s%s",
			 (int)(dir ? dir - rows[i].text : (int)strlen(rows[i].text)), rows[i].text,
			 dir ? desk.directory : "", dir ? dir + 3 : "");
		expect_has(text, wanted, rows[i].text);
		close_lists();
	}
	tear_down();
}

/* As the main thread: each second. */
static bool refresh(void)
{
	struct prefixes *was = lists_refresh(desk.lists);

	prefixes_put(was);
	return was;
}

Test(lists, file_changes)
{
	set_up();
	write_list("192.0.2.1\n");
	open_lists("deny = file:deny.txt\n");
	cr_expect(!refresh() && !refresh(), "nothing changed");
	write_list("192.0.2.2\n192.0.2.3\n");
	cr_expect(!refresh(), "it may be half written");
	expect_str(verdict("192.0.2.1"), "reset", "before");
	cr_expect(refresh(), "it has stayed so");
	expect_str(verdict("192.0.2.1"), "-", "after");
	expect_str(verdict("192.0.2.2"), "reset", "after");
	expect_has(heard(), "listener a: allow and deny are read anew: 2 networks", "log");
	cr_expect(!refresh(), "once");
	close_lists();
	tear_down();
}

Test(lists, file_still_being_written)
{
	set_up();
	write_list("192.0.2.1\n");
	open_lists("deny = file:deny.txt\n");
	for (int i = 0; i < 5; i++) {
		write_list(i % 2 ? "192.0.2.2\n" : "192.0.2.2\n192.0.2.3\n");
		cr_expect(!refresh(), "it changes still");
	}
	cr_expect(refresh());
	expect_str(verdict("192.0.2.3"), "reset", "the last state");
	close_lists();
	tear_down();
}

Test(lists, bad_file_keeps_the_old_list)
{
	static const char *const bad[] = { "192.0.2.9\n192.0.2.0/40\n", NULL };
	char wanted[200];

	set_up();
	write_list("192.0.2.1\n");
	open_lists("deny = file:deny.txt\n");
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		if (bad[i])
			write_list(bad[i]);
		else
			unlink(desk.path);
		refresh();
		cr_expect(!refresh(), "%zu", i);
		snprintf(wanted, sizeof(wanted),
			 bad[i] ? "%s:2: '192.0.2.0/40'" : "%s cannot be read: No such", desk.path);
		expect_has(heard(), wanted, "where");
		cr_expect(!refresh() && !refresh(), "%zu", i);
		expect_str(heard(), "", "said once");
		expect_str(verdict("192.0.2.1"), "reset", "as before");
		expect_str(verdict("192.0.2.9"), "-", "as before");
	}
	write_list("192.0.2.9\n");
	refresh();
	cr_expect(refresh(), "good again");
	expect_str(verdict("192.0.2.9"), "reset", "good again");
	close_lists();
	tear_down();
}

/* A list that becomes empty is one, too. */
Test(lists, empty_file)
{
	set_up();
	write_list("# nobody yet\n");
	open_lists("deny = file:deny.txt\n");
	expect_num(desk.report.count, 0, "complaints");
	expect_str(verdict("192.0.2.1"), "-", "nobody");
	write_list("192.0.2.1\n");
	refresh();
	refresh();
	expect_str(verdict("192.0.2.1"), "reset", "somebody");
	write_list("");
	refresh();
	cr_expect(refresh(), "what was is given back");
	expect_str(verdict("192.0.2.1"), "-", "nobody again");
	close_lists();
	tear_down();
}
