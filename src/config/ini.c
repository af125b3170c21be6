#include "config/ini.h"

#include <ctype.h>
#include <ini.h>
#include <stdlib.h>
#include <string.h>

#include "base/bits.h"
#include "base/log.h"
#include "base/memory.h"

/* inih's own limits as Debian builds it: INI_MAX_LINE 200 with newline and NUL, MAX_SECTION
 * and MAX_NAME 50 with NUL. Beyond them it would cut. */
#define LINE_LIMIT 198
#define WORD_LIMIT 49

struct reader {
	struct ini *out;
	struct report *report;
	const char *at, *end;
	int line, before;
	size_t sections_before; /* of other files */
	bool indented;		/* the line that inih works on now goes on with the key above */
	bool open_key;		/* this section has a key to go on with */
	bool full;		/* nobody means what follows */
};

static void start_section(struct reader *r, const char *text, const char *close)
{
	struct ini *ini = r->out;

	r->open_key = false;
	if (close - text > WORD_LIMIT)
		report_add(r->report, r->line, "a section's name is longer than %d characters",
			   WORD_LIMIT);
	ini->at = memory_grow(ini->at, ini->count, sizeof(*ini->at));
	ini->at[ini->count++] =
		(struct ini_section){ .line = r->line,
				      .name = memory_text(text, (size_t)(close - text)) };
}

static bool look_at_heading(struct reader *r, const char *text, const char *end)
{
	const char *close = memchr(text, ']', (size_t)(end - text));

	if (close)
		start_section(r, text + 1, close);
	else
		report_add(r->report, r->line, "the heading of a section has no ']'");
	return close;
}

static bool look_at_entry(struct reader *r, const char *text, const char *end)
{
	const char *sep = memchr(text, '=', (size_t)(end - text));

	/* inih would also take ':', which addresses are full of. */
	if (!sep || memchr(text, ':', (size_t)(sep - text))) {
		report_add(r->report, r->line, "expected KEY = VALUE or [SECTION], not '%.*s'",
			   (int)min_of(end - text, 60), text);
		return false;
	}
	if (sep - text > WORD_LIMIT) {
		report_add(r->report, r->line, "a key is longer than %d characters", WORD_LIMIT);
		return false;
	}
	return true;
}

/* People indent what stands below a heading: then a line is no further value, but a key of its own. No list that can be
 * continued has a '=' in it. */
static bool is_entry(const char *text, const char *end)
{
	while (text < end && (isalnum((unsigned char)*text) || *text == '-'))
		text++;
	while (text < end && (*text == ' ' || *text == '\t'))
		text++;
	return text < end && *text == '=';
}

/* What inih would not tell. False: the line is not shown to inih. */
static bool look(struct reader *r, const char *line, const char *text, const char *end)
{
	if (memchr(line, '\0', (size_t)(end - line))) {
		report_add(r->report, r->line, "a NUL byte: this is not a text file");
		return false;
	}
	if (end - line > LINE_LIMIT) {
		report_add(
			r->report, r->line,
			"the line is longer than %d characters: give the key again, or go on in an "
			"indented line below",
			LINE_LIMIT);
		return false;
	}
	r->indented = text > line && text < end;
	if (text == end || *text == ';' || *text == '#')
		return true;
	r->indented = r->indented && r->open_key && *text != '[' && !is_entry(text, end);
	if (r->indented)
		return true;
	if (*text == '[')
		return look_at_heading(r, text, end);
	if (!look_at_entry(r, text, end))
		return false;
	r->open_key = true;
	return true;
}

static bool is_full(struct reader *r)
{
	if (!r->full && r->line - r->before >= INI_LINES_MAX) {
		report_add(r->report, r->line, "more than %d lines: not a configuration",
			   INI_LINES_MAX);
		r->full = true;
	}
	if (!r->full && r->out->count > INI_SECTIONS_MAX) {
		report_add(r->report, r->line, "more than %d sections: not a configuration",
			   INI_SECTIONS_MAX);
		r->full = true;
	}
	return r->full;
}

/* An ini_reader: one line for each call, as fgets(3). */
static char *next_line(char *buffer, int size, void *stream)
{
	struct reader *r = stream;
	const char *line = r->at, *text, *end, *next;

	if (line == r->end || is_full(r))
		return NULL;
	end = memchr(line, '\n', (size_t)(r->end - line));
	next = end ? end + 1 : r->end;
	end = end ? end : r->end;
	if (end > line && end[-1] == '\r')
		end--;
	r->at = next;
	r->line++;
	for (text = line; text < end && isspace((unsigned char)*text);)
		text++;
	if (!look(r, line, text, end) || end - line > size - 2)
		end = line = text;
	/* inih would take any indented line for one more value of the key above. */
	else if (text < end && !r->indented)
		line = text;
	memcpy(buffer, line, (size_t)(end - line));
	strcpy(buffer + (end - line), "\n");
	return buffer;
}

/* inih takes the comment off behind KEY = VALUE, but not off an indented line. */
static size_t without_comment(const char *value)
{
	size_t len = strlen(value);

	for (size_t i = 1; i < len; i++)
		if (value[i] == ';' && isspace((unsigned char)value[i - 1]))
			len = i;
	while (len > 0 && isspace((unsigned char)value[len - 1]))
		len--;
	return len;
}

/* An ini_handler: nonzero means all right. */
static int take_entry(void *user, const char *section, const char *key, const char *value)
{
	struct reader *r = user;
	struct ini_section *s;

	(void)section;
	if (r->out->count == r->sections_before) {
		report_add(r->report, r->line, "'%s' stands before the first [section]", key);
		return 1;
	}
	s = &r->out->at[r->out->count - 1];
	s->at = memory_grow(s->at, s->count, sizeof(*s->at));
	s->at[s->count++] = (struct ini_entry){
		.line = r->line,
		.key = memory_text(key, strlen(key)),
		.value = memory_text(value, r->indented ? without_comment(value) : strlen(value)),
		.continued = r->indented
	};
	return 1;
}

void ini_read(struct ini *out, const char *bytes, size_t len, struct report *report)
{
	*out = (struct ini){ 0 };
	ini_add(out, bytes, len, 0, report);
}

void ini_add(struct ini *out, const char *bytes, size_t len, int before, struct report *report)
{
	struct reader r = { .out = out,
			    .report = report,
			    .at = bytes,
			    .end = bytes + len,
			    .line = before,
			    .before = before,
			    .sections_before = out->count };
	int first_bad;

	/* A byte order mark, as some editors leave. */
	if (len >= 3 && memcmp(bytes, "\xef\xbb\xbf", 3) == 0)
		r.at += 3;
	first_bad = ini_parse_stream(next_line, &r, take_entry, &r);
	/* look() hides most bad lines from inih; it goes on after the others, and answers the
	 * number of the first. */
	if (first_bad > 0)
		report_add(report, before + first_bad, "expected KEY = VALUE or [SECTION]");
	else if (first_bad < 0)
		panic("out of memory");
}

void ini_free(struct ini *ini)
{
	for (size_t i = 0; i < ini->count; i++) {
		for (size_t k = 0; k < ini->at[i].count; k++) {
			free(ini->at[i].at[k].key);
			free(ini->at[i].at[k].value);
		}
		free(ini->at[i].at);
		free(ini->at[i].name);
	}
	free(ini->at);
	*ini = (struct ini){ 0 };
}
