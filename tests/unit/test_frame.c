/* The live screen: rates from look to look, and that it fits whatever terminal there is. */
#include "control/frame.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/bits.h"
#include "check.h"
#include "control/text.h"

static json_t *status(unsigned pid, unsigned accepted, unsigned up, size_t listeners)
{
	json_t *list = json_array();

	for (size_t i = 0; i < listeners; i++)
		json_array_append_new(
			list, json_pack("{s:s, s:s, s:s, s:i, s:i}", "name", "mail", "address",
					i % 2 ? "[2001:db8:1111:2222:3333:4444:5555:6666]:25"
					      : "0.0.0.0:25",
					"state", "accepting", "live", 1, "accepted", 99999999));
	return json_pack(
		"{s:b, s:s, s:s, s:i, s:i, s:{s:i, s:i, s:i, s:i}, s:{s:i, s:i}, s:{s:f}, s:{s:i}, s:o}",
		"ok", 1, "version", "0.1.0", "state", "running", "pid", pid, "uptime_s", 60,
		"flows", "live", 3, "max", 100, "accepted", accepted, "refused", 2, "bytes", "up",
		up, "down", 0, "rates", "connections_per_s", 77.0, "refusals", "denied", 2,
		"listeners", list);
}

static json_t *conns(size_t count)
{
	json_t *list = json_array();

	for (size_t i = 0; i < count; i++)
		json_array_append_new(
			list, json_pack("{s:s, s:s, s:s, s:i, s:i}", "id", "0000017a", "client",
					"[2001:db8:1111:2222:3333:4444:5555:6666]:51234",
					"listener", "mail:25", "rate", 1250000, "age_ms", 61000));
	return json_pack("{s:b, s:o}", "ok", 1, "conns", list);
}

static char *printed(const struct frame *f, size_t rows, size_t columns)
{
	size_t length;
	char *text;
	FILE *to = open_memstream(&text, &length);

	frame_print(f, to, rows, columns);
	fclose(to);
	return text;
}

static size_t count_lines(const char *text, size_t *widest)
{
	size_t n = 0;

	*widest = 0;
	for (const char *end; (end = strchr(text, '\n')); text = end + 1, n++) {
		char line[1024];

		snprintf(line, sizeof(line), "%.*s", (int)(end - text), text);
		*widest = max_of(*widest, text_columns(line));
	}
	return n;
}

Test(frame, fits)
{
	static const size_t sizes[][2] = { { 24, 80 }, { 24, 81 },  { 50, 200 },
					   { 10, 40 }, { 7, 20 },   { 3, 10 },
					   { 1, 1 },   { 2, 1000 }, { 0, 80 } };
	static const size_t listeners[] = { 0, 1, 4, 30 };
	size_t widest;

	for (size_t n = 0; n < ARRAY_LEN(listeners); n++) {
		struct frame f = { 0 };

		frame_take(&f, status(1, 10, 10, listeners[n]), conns(100), 1000);
		frame_take(&f, status(1, 20, 20, listeners[n]), conns(100), 2000);
		for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
			char *text = printed(&f, sizes[i][0], sizes[i][1]);
			size_t lines = count_lines(text, &widest);

			cr_expect(widest <= sizes[i][1] && (!sizes[i][0] || lines <= sizes[i][0]),
				  "%zux%zu in %zux%zu:\n%s", lines, widest, sizes[i][0],
				  sizes[i][1], text);
			/* Flows fill what is left. */
			if (sizes[i][0] >= 24)
				expect_num(lines, sizes[i][0], "the screen is full");
			free(text);
		}
		frame_finish(&f);
	}
}

Test(frame, without_a_screen)
{
	struct frame f = { 0 };
	size_t widest;
	char *text;

	frame_take(&f, status(1, 10, 10, 30), conns(100), 1000);
	text = printed(&f, 0, 80);
	expect_num(count_lines(text, &widest), 7 + 2 + 30 + 2 + 10, "all listeners, ten flows");
	free(text);
	frame_finish(&f);
}

Test(frame, rates)
{
	struct frame f = { 0 };
	char *text;

	frame_take(&f, status(1, 100, 0, 1), conns(0), 1000);
	text = printed(&f, 24, 80);
	expect_has(text, "77.0/s", "the edge's own, at first");
	free(text);
	frame_take(&f, status(1, 150, 250000, 1), conns(0), 3000);
	text = printed(&f, 24, 80);
	expect_has(text, "25.0/s", "50 in 2 s");
	expect_has(text, "1.0 Mbit/s", "250 kB in 2 s");
	expect_num(f.known, 1, "history");
	free(text);
	frame_take(&f, status(2, 1000, 300000, 1), conns(0), 4000);
	expect_num(f.known, 0, "another process: nothing to compare with");
	text = printed(&f, 24, 80);
	expect_has(text, "77.0/s", "the edge's own again");
	free(text);
	frame_take(&f, status(2, 3, 300000, 1), conns(0), 5000);
	expect_num(f.known, 0, "fewer than before: neither");
	frame_finish(&f);
}

Test(frame, history)
{
	static const unsigned accepted[] = { 0, 0, 10, 30, 110 };
	struct frame f = { 0 };
	char *text;

	for (size_t i = 0; i < ARRAY_LEN(accepted); i++)
		frame_take(&f, status(1, accepted[i], 0, 1), conns(0), 1000 * (i + 1));
	text = printed(&f, 24, 80);
	expect_has(text, "80.0/s   ..#\n", "the newest at the right, the highest full");
	free(text);
	f.blocks = true;
	text = printed(&f, 24, 80);
	expect_has(text, "80.0/s   \u2581\u2582\u2588\n", "where the terminal can");
	free(text);
	for (unsigned i = 0; i < 100; i++)
		frame_take(&f, status(1, 110 + i, 0, 1), conns(0), 10000 + 1000 * i);
	expect_num(f.known, FRAME_HISTORY, "bounded");
	frame_finish(&f);
}

Test(frame, trouble)
{
	struct frame f = { 0 };
	char *text;

	frame_take(&f, status(1, 0, 0, 1), conns(1), 1000);
	strcpy(f.trouble, "nobody listens\x1b[2J");
	text = printed(&f, 24, 80);
	expect_has(text, "NO ANSWER", "said");
	expect_has(text, "trying again: nobody listens?[2J\n", "why, and clean");
	expect_has(text, "0000017a", "what was known before stays");
	free(text);
	frame_take(&f, status(1, 0, 0, 1), conns(1), 2000);
	text = printed(&f, 24, 80);
	cr_expect(!strstr(text, "NO ANSWER"), "over");
	free(text);
	frame_finish(&f);
}

Test(frame, anything_may_come)
{
	static const char *const answers[] = {
		"{}", "{\"listeners\":[1,{}],\"flows\":3,\"refusals\":{\"x\":[]},\"rates\":[]}",
		"{\"conns\":[null,{\"client\":3}],\"bytes\":{\"up\":1e300},\"uptime_s\":9223372036854775807}"
	};
	struct frame f = { 0 };
	size_t widest;

	for (size_t i = 0; i < ARRAY_LEN(answers); i++) {
		char *text;

		frame_take(&f, json_loads(answers[i], 0, NULL), json_loads(answers[i], 0, NULL), i);
		text = printed(&f, 24, 80);
		cr_expect(count_lines(text, &widest) <= 24 && widest <= 80, "%s", text);
		free(text);
	}
	frame_finish(&f);
}
