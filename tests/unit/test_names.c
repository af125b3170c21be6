/* What a name stands for now: who may say so, what is kept, when it is asked again. */
#include "backend/names.h"

#include <stdio.h>
#include <unistd.h>

#include "base/log.h"
#include "check.h"
#include "engine/timer.h"
#include "support/fds.h"

static struct {
	struct names names;
	struct name *name;
	int log[2];
} desk;

static void set_up(const char *host)
{
	cr_assert(names_open(&desk.names) == 0);
	cr_assert(pipe(desk.log) == 0);
	fd_nonblocking(desk.log[0]);
	log_setup(LINE_LOGFMT, LOG_INFO);
	log_setup_fd(desk.log[1]);
	desk.name = name_hold(&desk.names, host);
}

static void tear_down(void)
{
	name_release(desk.name);
	cr_expect(list_empty(&desk.names.list), "no name is left");
	names_close(&desk.names);
	log_setup_fd(STDERR_FILENO);
	close(desk.log[0]);
	close(desk.log[1]);
}

static bool is_due(msec_t now, msec_t *next)
{
	struct name *due[4];
	size_t count = names_take_due(&desk.names, now, due, ARRAY_LEN(due), next);

	return count == 1 && due[0] == desk.name;
}

static void answer(msec_t now, unsigned ttl, const char *first, const char *second)
{
	struct name_answer a = { .ttl = ttl };
	msec_t next;

	cr_assert(is_due(now, &next), "it is asked for");
	if (first)
		cr_assert(addr_parse(&a.at[a.count++], first, 0));
	if (second)
		cr_assert(addr_parse(&a.at[a.count++], second, 0));
	if (!a.count)
		a.error = "no such name";
	name_answer(desk.name, &a, now);
}

/* What the log got since the last call: without times, which it has none of. */
static void expect_said(const char *wanted)
{
	char text[2000];
	ssize_t n = fd_read(desk.log[0], text, sizeof(text) - 1);

	text[n > 0 ? n : 0] = '\0';
	if (*wanted)
		expect_has(text, wanted, "log");
	else
		expect_str(text, "", "log");
}

static void expect_addresses(const char *wanted)
{
	struct addr at[NAME_ADDRESSES_MAX];
	char got[1000] = "", text[ADDR_TEXT];
	size_t count = name_addresses(desk.name, at);

	for (size_t i = 0; i < count; i++)
		snprintf(got + strlen(got), sizeof(got) - strlen(got), "%s%s", i ? " " : "",
			 addr_format_host(&at[i], text));
	expect_str(got, wanted, "addresses");
}

Test(names, each_change_is_said_once)
{
	set_up("mail.example.net");
	expect_addresses("");
	answer(1000, 20, "192.0.2.1", "192.0.2.2");
	expect_addresses("192.0.2.1 192.0.2.2");
	expect_said("name mail.example.net: is 192.0.2.1, 192.0.2.2");
	answer(21000, 20, "192.0.2.2", "192.0.2.1");
	expect_addresses("192.0.2.2 192.0.2.1");
	expect_said("");
	answer(41000, 20, "192.0.2.3", NULL);
	expect_said("name mail.example.net: is 192.0.2.3 now, was 192.0.2.2, 192.0.2.1");
	tear_down();
}

Test(names, after_an_error_the_last_addresses_are_kept)
{
	set_up("mail.example.net");
	answer(1000, 20, NULL, NULL);
	expect_said("name mail.example.net: no such name");
	answer(6000, 20, "192.0.2.1", NULL);
	expect_said("is 192.0.2.1");
	answer(26000, 20, NULL, NULL);
	expect_addresses("192.0.2.1");
	expect_said("no such name; its last addresses are kept");
	answer(31000, 20, NULL, NULL);
	expect_said("");
	answer(36000, 20, "192.0.2.1", NULL);
	expect_said("is known again, unchanged");
	tear_down();
}

Test(names, when_it_is_asked_again)
{
	static const struct {
		unsigned ttl;
		msec_t wait;
	} rows[] = { { 0, 5000 },   { 5, 5000 },    { 30, 30000 },
		     { 60, 60000 }, { 600, 60000 }, { ~0u, 60000 } };
	msec_t now = 1000, next;

	set_up("mail.example.net");
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		answer(now, rows[i].ttl, "192.0.2.1", NULL);
		cr_expect(!is_due(now + rows[i].wait - 1, &next), "%u: not before", rows[i].ttl);
		expect_num(next, now + rows[i].wait, "next");
		now = next;
	}
	answer(now, 0, NULL, NULL);
	cr_expect(!is_due(now + 4999, &next), "an error, too, is not asked again at once");
	expect_num(next, now + 5000, "next");
	tear_down();
}

Test(names, one_question_at_a_time)
{
	msec_t next;

	set_up("mail.example.net");
	cr_expect(is_due(0, &next), "at once");
	cr_expect(!is_due(100000, &next), "not while the answer is awaited");
	expect_num(next, TIMER_NONE, "next");
	name_answer(desk.name, &(struct name_answer){ 0 }, 100000);
	cr_expect(is_due(100000, &next), "a question that was not put is due");
	name_answer(desk.name, &(struct name_answer){ .error = "x" }, 100000);
	tear_down();
}

Test(names, a_failure_hurries_but_not_more_than_once_a_second)
{
	msec_t now = timer_now(), next;

	set_up("mail.example.net");
	answer(now - 10000, 60, "192.0.2.1", NULL);
	cr_expect(!is_due(now, &next), "known");
	name_hurry(desk.name);
	cr_assert(is_due(timer_now(), &next), "asked at once");
	name_hurry(desk.name);
	name_answer(desk.name, &(struct name_answer){ .error = "x" }, timer_now());
	name_hurry(desk.name);
	cr_expect(!is_due(timer_now(), &next), "not within the second");
	cr_expect(next <= timer_now() + 1000, "but then");
	tear_down();
}

Test(names, released_while_it_is_asked_for)
{
	struct name *again;
	msec_t next;

	set_up("mail.example.net");
	cr_assert(is_due(0, &next));
	name_release(desk.name);
	again = name_hold(&desk.names, "mail.example.net");
	cr_expect(again == desk.name, "it is still there");
	name_release(again);
	name_answer(desk.name, &(struct name_answer){ .error = "x" }, 0);
	cr_expect(list_empty(&desk.names.list), "the answer frees it");
	desk.name = name_hold(&desk.names, "other.example.net");
	tear_down();
}

Test(names, another_source_beats_dns_until_it_is_withdrawn)
{
	struct addr at;
	msec_t next;
	struct name_view view;

	set_up("mailbox.tail1.ts.net");
	answer(1000, 20, "100.64.0.1", NULL);
	cr_assert(is_due(21000, &next));
	cr_assert(addr_parse(&at, "100.64.0.2", 0));
	cr_expect(names_tell(&desk.names, "Mailbox.tail1.ts.net", &at, 1, NULL));
	expect_addresses("100.64.0.2");
	name_look(desk.name, &view);
	expect_str(view.source, "tailnet", "source");
	cr_assert(addr_parse(&at, "100.64.0.1", 0));
	name_answer(desk.name, &(struct name_answer){ .at = { at }, .count = 1 }, 22000);
	expect_addresses("100.64.0.2");
	cr_expect(!is_due(timer_now() + 100000, &next), "DNS is not asked");
	cr_expect(!names_tell(&desk.names, "nobody.ts.net", &at, 1, NULL), "nobody holds it");
	names_withdraw(&desk.names, "mailbox.tail1.ts.net");
	expect_addresses("100.64.0.2");
	answer(timer_now(), 20, "100.64.0.1", NULL);
	expect_addresses("100.64.0.1");
	name_look(desk.name, &view);
	expect_str(view.source, "dns", "source");
	tear_down();
}

Test(names, a_node_of_the_tailnet_is_never_asked_from_dns)
{
	struct name_view view;
	struct addr at;
	msec_t next;

	set_up("tailnet:mailbox");
	cr_expect(!is_due(timer_now(), &next));
	name_hurry(desk.name);
	cr_expect(!is_due(timer_now() + 5000, &next));
	expect_num(next, TIMER_NONE, "next");
	name_look(desk.name, &view);
	expect_has(view.error, "tailscaled", "error");
	cr_assert(addr_parse(&at, "100.64.0.2", 0));
	names_tell(&desk.names, "tailnet:mailbox", &at, 1, NULL);
	names_withdraw(&desk.names, "tailnet:mailbox");
	expect_addresses("100.64.0.2");
	cr_expect(!is_due(timer_now() + 5000, &next));
	tear_down();
}

Test(names, the_start_waits_but_not_for_ever)
{
	msec_t began = timer_now();

	set_up("mail.example.net");
	names_wait(&desk.names, 50);
	cr_expect(timer_now() - began >= 50, "it waited");
	answer(timer_now(), 20, NULL, NULL);
	began = timer_now();
	names_wait(&desk.names, 60000);
	cr_expect(timer_now() - began < 30000, "all had their answer");
	tear_down();
}
