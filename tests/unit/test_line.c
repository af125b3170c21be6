/* A line of the log never breaks its format, whatever its fields are. */
#include "base/line.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/bits.h"
#include "check.h"
#include "support/json.h"

static void finish(struct line *l, char *out)
{
	line_finish(l);
	memcpy(out, l->text, l->used);
	out[l->used] = '\0';
}

Test(line, text_is_quoted_where_it_must)
{
	static const struct {
		const char *value, *logfmt, *json;
	} rows[] = {
		{ "plain", "k=plain\n", "{\"k\":\"plain\"}\n" },
		{ "mail:25", "k=mail:25\n", "{\"k\":\"mail:25\"}\n" },
		{ "", "k=\"\"\n", "{\"k\":\"\"}\n" },
		{ "two words", "k=\"two words\"\n", "{\"k\":\"two words\"}\n" },
		{ "a=b", "k=\"a=b\"\n", "{\"k\":\"a=b\"}\n" },
		{ "a\"b", "k=\"a\\\"b\"\n", "{\"k\":\"a\\\"b\"}\n" },
		{ "a\\b", "k=\"a\\\\b\"\n", "{\"k\":\"a\\\\b\"}\n" },
		{ "a\nb", "k=\"a\\u000ab\"\n", "{\"k\":\"a\\u000ab\"}\n" },
		{ "\t\r\x01\x1f", "k=\"\\u0009\\u000d\\u0001\\u001f\"\n",
		  "{\"k\":\"\\u0009\\u000d\\u0001\\u001f\"}\n" },
		{ "\x7f", "k=\"\\u007f\"\n", "{\"k\":\"\\u007f\"}\n" },
		{ "gr\xc3\xbc\xc3\x9f", "k=gr\xc3\xbc\xc3\x9f\n",
		  "{\"k\":\"gr\xc3\xbc\xc3\x9f\"}\n" },
	};
	char text[LINE_MAX_BYTES + 1];
	struct line l;

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		line_start(&l, LINE_LOGFMT);
		line_str(&l, "k", rows[i].value);
		finish(&l, text);
		expect_str(text, rows[i].logfmt, "logfmt");
		line_start(&l, LINE_JSON);
		line_str(&l, "k", rows[i].value);
		finish(&l, text);
		expect_str(text, rows[i].json, "json");
	}
}

static void add_every_kind(struct line *l)
{
	struct addr none = { 0 }, a;

	addr_parse(&a, "2001:db8::1", 25);
	line_str(l, "s", "x y");
	line_u64(l, "zero", 0);
	line_u64(l, "most", UINT64_MAX);
	line_none(l, "none");
	line_addr(l, "nobody", &none);
	line_addr(l, "client", &a);
}

Test(line, every_kind_of_field)
{
	char text[LINE_MAX_BYTES + 1];
	struct line l;

	line_start(&l, LINE_LOGFMT);
	add_every_kind(&l);
	finish(&l, text);
	expect_str(text,
		   "s=\"x y\" zero=0 most=18446744073709551615 none=- nobody=- "
		   "client=[2001:db8::1]:25\n",
		   "logfmt");
	line_start(&l, LINE_JSON);
	add_every_kind(&l);
	finish(&l, text);
	expect_str(text,
		   "{\"s\":\"x y\",\"zero\":0,\"most\":18446744073709551615,\"none\":null,"
		   "\"nobody\":null,\"client\":\"[2001:db8::1]:25\"}\n",
		   "json");
	cr_expect(json_is_line(text, strlen(text)));
}

Test(line, without_fields)
{
	char text[LINE_MAX_BYTES + 1];
	struct line l;

	line_start(&l, LINE_LOGFMT);
	finish(&l, text);
	expect_str(text, "\n", "logfmt");
	line_start(&l, LINE_JSON);
	finish(&l, text);
	expect_str(text, "{}\n", "json");
}

/* A field of `len` bytes between two small ones. */
static void build_long(struct line *l, enum line_format format, const char *value)
{
	line_start(l, format);
	line_str(l, "a", "1");
	line_str(l, "long", value);
	line_str(l, "z", "2");
	line_finish(l);
}

Test(line, a_field_that_does_not_fit_is_left_out_whole)
{
	static char value[2 * LINE_MAX_BYTES];
	char text[LINE_MAX_BYTES + 1];
	size_t left_out = 0;
	struct line l;

	for (size_t len = LINE_MAX_BYTES - 60; len < LINE_MAX_BYTES + 20; len++) {
		memset(value, 'x', len);
		value[len] = '\0';
		for (int format = LINE_LOGFMT; format <= LINE_JSON; format++) {
			build_long(&l, (enum line_format)format, value);
			cr_assert(l.used <= LINE_MAX_BYTES, "%zu", len);
			memcpy(text, l.text, l.used);
			text[l.used] = '\0';
			cr_expect(!!strstr(text, "long") == !!strstr(text, value), "%zu: cut", len);
			cr_expect(text[l.used - 1] == '\n', "%zu: no end", len);
			if (format == LINE_JSON)
				cr_expect(json_is_line(text, l.used), "%zu: %s", len, text);
			left_out += !strstr(text, "long");
		}
	}
	cr_expect(left_out >= 40, "some did not fit");
	memset(value, 'x', sizeof(value) - 1);
	build_long(&l, LINE_LOGFMT, value);
	l.text[l.used] = '\0';
	expect_str(l.text, "a=1 z=2\n", "what follows is still there");
}

Test(line, escapes_are_never_cut)
{
	char value[LINE_MAX_BYTES], key[32];
	struct line l;

	memset(value, 1, sizeof(value));
	for (size_t len = 0; len < 12; len++) {
		value[len] = '\0';
		line_start(&l, LINE_JSON);
		for (int i = 0; i < 400; i++) {
			snprintf(key, sizeof(key), "k%d", i);
			line_str(&l, key, value);
		}
		line_finish(&l);
		cr_expect(json_is_line(l.text, l.used), "%zu control characters a field", len);
		value[len] = 1;
	}
}

Test(line, json_is_valid_for_any_bytes)
{
	unsigned seed = 1;
	char value[40];
	struct line l;

	for (int round = 0; round < 2000; round++) {
		size_t len = (size_t)rand_r(&seed) % sizeof(value);

		for (size_t i = 0; i < len; i++)
			value[i] = (char)(1 + rand_r(&seed) % 255);
		value[len] = '\0';
		line_start(&l, LINE_JSON);
		line_str(&l, "k", value);
		line_finish(&l);
		cr_assert(json_is_line(l.text, l.used), "round %d: %.*s", round, (int)l.used,
			  l.text);
	}
}
