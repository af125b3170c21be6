/* The order in which a client is judged, and what it gets. */
#include "edge/screen.h"

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "check.h"
#include "config/rules.h"
#include "edge/bans.h"
#include "support/configs.h"
#include "support/fds.h"

static struct {
	struct config *config;
	struct plan plan;
	struct gates gates;
	struct screen screen;
	int pair[2]; /* of loopback */
	int log[2];
} desk;

static void start(const char *keys, const char *banned)
{
	struct report report;
	struct bans bans = { 0 };
	char text[500];
	struct net net;

	snprintf(text, sizeof(text),
		 "[listen a]\nports = 25\nbackend = b\n%s[backend b]\nserver = 192.0.2.1\n", keys);
	desk.config = config_of(text);
	report_init(&report, "test.ini");
	cr_assert(plan_make(&desk.plan, desk.config, &report) &&
		  plan_look_up(&desk.plan, desk.config, &report));
	report_finish(&report);
	desk.plan.at[0].gate = gate_of(&desk.gates, "a");
	if (banned && net_parse(&net, banned) == 0)
		bans_add(&bans, &net, 1000);
	desk.screen = (struct screen){ .bans = bans_freeze(&bans), .sources = sources_open() };
	bans_finish(&bans);
	tcp_pair(desk.pair);
	cr_assert(pipe(desk.log) == 0);
	log_setup_fd(desk.log[1]);
}

static void end(void)
{
	log_setup_fd(STDERR_FILENO);
	close(desk.log[0]);
	close(desk.log[1]);
	close(desk.pair[0]);
	close(desk.pair[1]);
	expect_num(sources_size(desk.screen.sources).entries,
		   sources_size(desk.screen.sources).idle, "flows counted still");
	sources_close(desk.screen.sources);
	prefixes_put(desk.screen.bans);
	gates_finish(&desk.gates);
	plan_free(&desk.plan);
	config_free(desk.config);
}

static struct verdict judge(const char *client, int fd, struct sources_entry **source)
{
	struct addr a = { 0 };

	cr_assert(addr_parse(&a, client, 4711), "%s", client);
	return screen_client(&desk.screen, &desk.plan.at[0], &a, fd, 10, source);
}

Test(screen, first_rule_that_refuses)
{
	static const struct {
		const char *keys, *banned, *client;
		enum why why;
		enum dismissal how;
	} rows[] = {
		{ "", NULL, "203.0.113.7", WHY_NONE, DISMISS_RESET },
		{ "", "203.0.113.0/24", "203.0.113.7", WHY_DENIED, DISMISS_RESET },
		{ "deny-action = drop\n", "203.0.113.0/24", "203.0.113.7", WHY_DENIED,
		  DISMISS_DROP },
		{ "deny = tarpit 203.0.113.7\n", "203.0.113.0/24", "203.0.113.7", WHY_DENIED,
		  DISMISS_RESET },
		{ "deny = tarpit 203.0.113.7\n", NULL, "203.0.113.7", WHY_DENIED, DISMISS_TARPIT },
		{ "allow = 203.0.113.7\n", "203.0.113.0/24", "203.0.113.7", WHY_DENIED,
		  DISMISS_RESET },
		{ "source-guard = reject\n", NULL, "10.0.0.1", WHY_DENIED, DISMISS_RESET },
		{ "source-guard = reject\n", NULL, "127.0.0.1", WHY_DENIED, DISMISS_RESET },
		{ "source-guard = reject\n", NULL, "fe80::1", WHY_DENIED, DISMISS_RESET },
		{ "source-guard = reject\n", NULL, "100.64.0.9", WHY_DENIED, DISMISS_RESET },
		{ "source-guard = reject\n", NULL, "203.0.113.7", WHY_NONE, DISMISS_RESET },
		{ "source-guard = warn\n", NULL, "10.0.0.1", WHY_NONE, DISMISS_RESET },
		{ "source-guard = reject\nbind = 127.0.0.1\n", NULL, "10.0.0.1", WHY_NONE,
		  DISMISS_RESET },
		{ "source-guard = reject\nallow = 10.0.0.0/8\n", NULL, "10.0.0.1", WHY_DENIED,
		  DISMISS_RESET },
	};
	char label[200];

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct sources_entry *source;
		struct verdict v;

		start(rows[i].keys, rows[i].banned);
		v = judge(rows[i].client, desk.pair[0], &source);
		snprintf(label, sizeof(label), "%s%s %s", rows[i].keys,
			 rows[i].banned ? rows[i].banned : "", rows[i].client);
		expect_str(why_name(v.why), why_name(rows[i].why), label);
		if (v.why != WHY_NONE)
			expect_str(dismissal_words[v.how], dismissal_words[rows[i].how], label);
		cr_expect(v.why == WHY_NONE || !source, "%s: holds a place", label);
		screen_leave(&desk.screen, source, 10);
		end();
	}
}

/* One that a PROXY header names: whatever its address, somebody says that it is a client's. */
Test(screen, guard_is_for_those_who_come_themselves)
{
	struct sources_entry *source;

	start("source-guard = reject\n", NULL);
	expect_num(judge("10.0.0.1", -1, &source).why, WHY_NONE, "named");
	screen_leave(&desk.screen, source, 10);
	expect_num(judge("10.0.0.1", desk.pair[0], &source).why, WHY_DENIED, "by itself");
	end();
}

Test(screen, limits_by_where_the_client_is)
{
	struct sources_entry *held[3], *more;

	start("max-flows-per-source = 2\nlimit-action = tarpit\n", NULL);
	for (int i = 0; i < 2; i++)
		expect_num(judge("10.0.0.1", -1, &held[i]).why, WHY_NONE, "has room");
	expect_num(judge("10.0.0.1", -1, &more).why, WHY_LIMIT_SOURCE, "full");
	expect_num(judge("10.0.0.1", -1, &more).how, DISMISS_TARPIT, "full");
	cr_expect(!more);
	expect_num(judge("10.0.0.2", -1, &held[2]).why, WHY_NONE, "another");
	for (int i = 0; i < 3; i++)
		screen_leave(&desk.screen, held[i], 10);
	end();
	start("", NULL);
	expect_num(judge("10.0.0.1", -1, &held[0]).why, WHY_NONE, "auto");
	cr_expect(!held[0], "auto counts nobody who is not from the internet");
	expect_num(judge("203.0.113.7", -1, &held[0]).why, WHY_NONE, "auto");
	cr_expect(held[0], "but strangers");
	screen_leave(&desk.screen, held[0], 10);
	end();
}

Test(screen, guard_speaks_once)
{
	struct sources_entry *source;
	char text[2000];
	ssize_t n;

	start("source-guard = reject\n", NULL);
	for (int i = 0; i < 3; i++)
		judge(i ? "127.0.0.1" : "172.17.0.1", desk.pair[0], &source);
	cr_assert(write(desk.log[1], "end", 3) == 3);
	n = read(desk.log[0], text, sizeof(text) - 1);
	text[n > 0 ? n : 0] = '\0';
	expect_has(text, "source-guard: listener a has a client 172.17.0.1, a private network",
		   "which");
	expect_has(text, "name it in accept-proxy", "what to do");
	cr_expect(strcmp(strchr(text, '\n') + 1, "end") == 0, "one line: %s", text);
	end();
}
