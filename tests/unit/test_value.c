/* Values of the configuration: what is taken, and that a complaint says what was expected. */
#include "config/value.h"

#include <stdio.h>
#include <stdlib.h>

#include "check.h"

/* `expected` is what was answered; `words` NULL: it should have been taken. */
static bool taken(const char *expected, const char *words, const char *text)
{
	if (words)
		expect_has(expected, words, text);
	else
		cr_expect(!expected, "'%s' was refused: expected %s", text, expected);
	return !expected && !words;
}

Test(value, number)
{
	static const struct {
		const char *text;
		uint64_t min, max;
		bool auto_word;
		uint64_t value;
		const char *words;
	} rows[] = {
		{ "0", 0, 10, false, 0, NULL },
		{ "10", 1, 10, false, 10, NULL },
		{ "007", 1, 10, false, 7, NULL },
		{ "auto", 1, 256, true, 0, NULL },
		{ "999999999999999999", 0, UINT64_MAX, false, 999999999999999999, NULL },
		{ "64k", 1, 65536, false, 65536, NULL },
		{ "4m", 1, 10000000, false, 4194304, NULL },
		{ "64k", 1, 65535, false, 0, "a number from 1 to 65535" },
		{ "k", 0, 10, false, 0, "a number" },
		{ "1kk", 0, 10000, false, 0, "a number" },
		{ "1g", 0, 10000, false, 0, "a number" },
		{ "9999999999999m", 0, UINT64_MAX, false, 0, "a number" },
		{ "0", 1, 10, false, 0, "a number from 1 to 10" },
		{ "11", 1, 10, false, 0, "a number from 1 to 10" },
		{ "11", 1, 10, true, 0, "a number from 1 to 10, or auto" },
		{ "auto", 1, 256, false, 0, "a number from 1 to 256" },
		{ "Auto", 1, 256, true, 0, "or auto" },
		{ "", 0, 10, false, 0, "a number" },
		{ " 1", 0, 10, false, 0, "a number" },
		{ "1 ", 0, 10, false, 0, "a number" },
		{ "+1", 0, 10, false, 0, "a number" },
		{ "-1", 0, 10, false, 0, "a number" },
		{ "1.0", 0, 10, false, 0, "a number" },
		{ "0x1", 0, 10, false, 0, "a number" },
		{ "1e3", 0, 10000, false, 0, "a number" },
		{ "18446744073709551617", 0, 10, false, 0, "a number from 0 to 10" },
		{ "\xff", 0, 10, false, 0, "a number" },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		uint64_t n = 4711;
		const char *wrong =
			value_number(rows[i].text, rows[i].min, rows[i].max, rows[i].auto_word, &n);

		taken(wrong, rows[i].words, rows[i].text);
		expect_num(n, rows[i].words ? 4711 : rows[i].value, rows[i].text);
	}
}

Test(value, limit)
{
	static const struct {
		const char *text;
		uint64_t value;
		const char *words;
	} rows[] = {
		{ "1", 1, NULL },
		{ "100", 100, NULL },
		{ "off", 0, NULL },
		{ "auto", LIMIT_AUTO, NULL },
		{ "0", 0, "a number from 1 to 100, off or auto" },
		{ "101", 0, "a number from 1 to 100" },
		{ "", 0, "a number" },
		{ "none", 0, "off or auto" },
		{ "5/10s", 0, "a number" },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		uint64_t n = 4711;

		taken(value_limit(rows[i].text, 100, &n), rows[i].words, rows[i].text);
		expect_num(n, rows[i].words ? 4711 : rows[i].value, rows[i].text);
	}
}

Test(value, rate)
{
	static const struct {
		const char *text;
		struct rate rate;
		const char *words;
	} rows[] = {
		{ "20/10s", { 20, 10000 }, NULL },
		{ "1/1s", { 1, 1000 }, NULL },
		{ "100/1h", { 100, 3600000 }, NULL },
		{ "3/1500ms", { 3, 1500 }, NULL },
		{ "off", { 0, 0 }, NULL },
		{ "auto", { LIMIT_AUTO, 0 }, NULL },
		{ "101/1s", { 0 }, "NUMBER/TIME like 20/10s, up to 100 in a time from 1s to 1h" },
		{ "0/1s", { 0 }, "NUMBER/TIME" },
		{ "20", { 0 }, "NUMBER/TIME" },
		{ "20/", { 0 }, "NUMBER/TIME" },
		{ "20/10", { 0 }, "NUMBER/TIME" },
		{ "20/500ms", { 0 }, "a time from 1s to 1h" },
		{ "20/2h", { 0 }, "a time from 1s to 1h" },
		{ "/10s", { 0 }, "NUMBER/TIME" },
		{ "20 / 10s", { 0 }, "NUMBER/TIME" },
		{ "20/10s/1s", { 0 }, "NUMBER/TIME" },
		{ "", { 0 }, "off or auto" },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct rate r = { 4711, 4712 };

		taken(value_rate(rows[i].text, 100, &r), rows[i].words, rows[i].text);
		expect_num(r.count, rows[i].words ? 4711 : rows[i].rate.count, rows[i].text);
		expect_num(r.per, rows[i].words ? 4712 : rows[i].rate.per, rows[i].text);
	}
}

Test(value, duration)
{
	static const struct {
		const char *text;
		msec_t value;
		const char *words;
	} rows[] = {
		{ "1s", 1000, NULL },
		{ "500ms", 500, NULL },
		{ "100ms", 100, NULL },
		{ "35m", 35 * 60000, NULL },
		{ "24h", 86400000, NULL },
		{ "1d", 86400000, NULL },
		{ "090s", 90000, NULL },
		{ "99ms", 0, "a time from 100ms to 1d with its unit" },
		{ "25h", 0, "from 100ms to 1d" },
		{ "2d", 0, "from 100ms to 1d" },
		{ "0s", 0, "from 100ms" },
		{ "10", 0, "with its unit (500ms, 10s, 35m, 1h)" },
		{ "s", 0, "with its unit" },
		{ "", 0, "with its unit" },
		{ "10 s", 0, "with its unit" },
		{ "10S", 0, "with its unit" },
		{ "10sec", 0, "with its unit" },
		{ "1w", 0, "with its unit" },
		{ "1.5s", 0, "with its unit" },
		{ "-1s", 0, "with its unit" },
		{ "1m30s", 0, "with its unit" },
		{ "9999999999s", 0, "from 100ms" },
		{ "99999999999999999999d", 0, "from 100ms" },
		{ "213503982335d", 0, "from 100ms" },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		msec_t ms = 4711;

		taken(value_duration(rows[i].text, 100, 86400000, &ms), rows[i].words,
		      rows[i].text);
		expect_num(ms, rows[i].words ? 4711 : rows[i].value, rows[i].text);
	}
}

Test(value, duration_is_written_as_people_would)
{
	static const struct {
		msec_t ms;
		const char *text;
	} rows[] = { { 1, "1ms" },	  { 999, "999ms" },	{ 1000, "1s" },
		     { 1500, "1500ms" },  { 90000, "90s" },	{ 600000, "10m" },
		     { 3600000, "1h" },	  { 5400000, "90m" },	{ 86400000, "1d" },
		     { 90000000, "25h" }, { 2592000000, "30d" } };
	char text[VALUE_DURATION_TEXT];
	msec_t again;

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		expect_str(value_format_duration(rows[i].ms, text), rows[i].text, "written");
		cr_expect(!value_duration(text, 0, UINT64_MAX, &again), "%s", text);
		expect_num(again, rows[i].ms, "read again");
	}
	cr_expect(!value_duration(value_format_duration(0, text), 0, 1, &again) && again == 0, "%s",
		  text);
}

Test(value, choice)
{
	static const char *const words[] = { "off", "v1", "v2", NULL };
	unsigned n = 99;

	taken(value_choice("off", words, &n), NULL, "off");
	expect_num(n, 0, "off");
	taken(value_choice("v2", words, &n), NULL, "v2");
	expect_num(n, 2, "v2");
	taken(value_choice("v3", words, &n), "one of off v1 v2", "v3");
	taken(value_choice("", words, &n), "one of off v1 v2", "nothing");
	taken(value_choice("V1", words, &n), "one of off v1 v2", "V1");
	taken(value_choice("v1 ", words, &n), "one of off v1 v2", "v1 and a blank");
	expect_num(n, 2, "unchanged");
}

/* "25>25 465>465 ", to compare lists by eye. */
static const char *show_ports(const struct port_maps *p)
{
	static char text[400];
	size_t used = 0;

	text[0] = '\0';
	for (size_t i = 0; i < p->count && used < sizeof(text); i++)
		used += (size_t)snprintf(text + used, sizeof(text) - used, "%u>%u ", p->at[i].from,
					 p->at[i].to);
	return text;
}

Test(value, ports)
{
	static const struct {
		const char *text, *ports, *words;
	} rows[] = {
		{ "25", "25>25 ", NULL },
		{ "25 465 587", "25>25 465>465 587>587 ", NULL },
		{ "25,465, 587", "25>25 465>465 587>587 ", NULL },
		{ " \t25\t465 ", "25>25 465>465 ", NULL },
		{ "25>10025", "25>10025 ", NULL },
		{ "25>10025 26>10025", "25>10025 26>10025 ", NULL },
		{ "8000-8002", "8000>8000 8001>8001 8002>8002 ", NULL },
		{ "65535", "65535>65535 ", NULL },
		{ "65534-65535", "65534>65534 65535>65535 ", NULL },
		{ "80-80", "80>80 ", NULL },
		{ "", "", "a value" },
		{ " , ", "", "a value" },
		{ "0", "", "ports like 25, 25>10025 or 8000-8010, not '0'" },
		{ "65536", "", "not '65536'" },
		{ "x", "", "not 'x'" },
		{ "25 465 x", "", "not 'x'" },
		{ "25:465", "", "not '25:465'" },
		{ "-25", "", "a range like 8000-8010, not '-25'" },
		{ "25-", "", "a range like 8000-8010, not '25-'" },
		{ "10-5", "", "a range like 8000-8010, not '10-5'" },
		{ "1-2-3", "", "a range like" },
		{ "8000-8010>9000", "", "a range like" },
		{ "65530-65536", "", "a range like" },
		{ "25>", "", "a port from 1 to 65535 behind '>', not '25>'" },
		{ "25>0", "", "a port from 1 to 65535 behind '>'" },
		{ "25>26>27", "", "a port from 1 to 65535 behind '>'" },
		{ ">25", "", "ports like 25" },
		{ "25 25", "", "each port once, but 25 stands there twice" },
		{ "25 25>26", "", "each port once" },
		{ "8000-8010 8005", "", "each port once, but 8005" },
		{ "1-1025", "", "at most 1024 ports" },
		{ "1-65535", "", "at most 1024 ports" },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct port_maps ports = { 0 };

		taken(value_ports(rows[i].text, &ports), rows[i].words, rows[i].text);
		expect_str(show_ports(&ports), rows[i].ports, rows[i].text);
		free(ports.at);
	}
}

Test(value, ports_are_added_up)
{
	struct port_maps ports = { 0 };

	cr_expect(!value_ports("1-1024", &ports), "1024 are allowed");
	expect_num(ports.count, 1024, "ports");
	taken(value_ports("2000", &ports), "at most 1024", "one more");
	taken(value_ports("7", &ports), "7 stands there twice", "of an earlier value");
	free(ports.at);
}

Test(value, addrs)
{
	static const struct {
		const char *text;
		size_t count;
		const char *words;
	} rows[] = {
		{ "0.0.0.0 ::", 2, NULL },
		{ "192.0.2.1,[2001:db8::1]", 2, NULL },
		{ "0.0.0.0 192.0.2.1", 2, NULL },
		{ "", 0, "a value" },
		{ "localhost", 0, "IP addresses, not 'localhost'" },
		{ "192.0.2.1:25", 0, "IP addresses, not '192.0.2.1:25'" },
		{ "192.0.2.0/24", 0, "IP addresses" },
		{ "*", 0, "IP addresses, not '*'" },
		{ "192.0.2.1 192.0.2.1", 0, "each address once, but 192.0.2.1 stands there twice" },
		{ "::1 0:0::1", 0, "each address once" },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct addrs addrs = { 0 };

		taken(value_addrs(rows[i].text, &addrs), rows[i].words, rows[i].text);
		expect_num(addrs.count, rows[i].count, rows[i].text);
		free(addrs.at);
	}
}

Test(value, target)
{
	static const struct {
		const char *text, *name;
		uint16_t port;
		const char *words;
	} rows[] = {
		{ "stalwart", "stalwart", 0, NULL },
		{ "stalwart-web:8080", "stalwart-web", 8080, NULL },
		{ "a.b_c-9:65535", "a.b_c-9", 65535, NULL },
		{ "", "before", 7, "NAME or NAME:PORT of a backend" },
		{ ":25", "before", 7, "NAME or NAME:PORT" },
		{ "stalwart:", "before", 7, "NAME or NAME:PORT" },
		{ "stalwart:0", "before", 7, "NAME or NAME:PORT" },
		{ "stalwart:65536", "before", 7, "NAME or NAME:PORT" },
		{ "stalwart:25:26", "before", 7, "NAME or NAME:PORT" },
		{ "two words", "before", 7, "NAME or NAME:PORT" },
		{ "caf\xc3\xa9", "before", 7, "NAME or NAME:PORT" },
		{ "a-name-that-is-longer-than-any-name-of-a-section-may-be-in-such-a-file",
		  "before", 7, "NAME or NAME:PORT" },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct target t = { .name = strdup("before"), .port = 7 };

		taken(value_target(rows[i].text, &t), rows[i].words, rows[i].text);
		expect_str(t.name, rows[i].name, rows[i].text);
		expect_num(t.port, rows[i].port, rows[i].text);
		free(t.name);
	}
}

Test(value, name)
{
	static const struct {
		const char *text, *words;
	} rows[] = { { "mail", NULL },
		     { "acme-http-01", NULL },
		     { "a_b.c", NULL },
		     { "", "a name" },
		     { "a b", "letters, digits" },
		     { "a/b", "letters, digits" },
		     { "caf\xc3\xa9", "letters" },
		     { "a:b", "letters" } };

	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		taken(value_name(rows[i].text), rows[i].words, rows[i].text);
}
