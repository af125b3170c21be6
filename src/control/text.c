#include "control/text.h"

#include <inttypes.h>
#include <stdbool.h>
#include <string.h>

#include "base/bits.h"

/* Three digits that matter. */
static char *scaled(double value, double step, const char *const *units, size_t count, char *out)
{
	size_t u = 0;

	/* What would be printed as the step itself is one of the next unit. */
	while (u + 1 < count && value >= step - 0.5) {
		value /= step;
		u++;
	}
	snprintf(out, TEXT_FIGURE, u > 0 && value < 99.95 ? "%.1f%s" : "%.0f%s",
		 min_of(value, 99999.0), units[u]);
	return out;
}

char *text_bytes(uint64_t bytes, char out[static TEXT_FIGURE])
{
	static const char *const units[] = { " B", " KiB", " MiB", " GiB", " TiB", " PiB", " EiB" };

	return scaled((double)bytes, 1024, units, ARRAY_LEN(units), out);
}

char *text_bits(double bytes_per_s, char out[static TEXT_FIGURE])
{
	static const char *const units[] = { " bit/s", " kbit/s", " Mbit/s", " Gbit/s", " Tbit/s" };

	return scaled(bytes_per_s * 8, 1000, units, ARRAY_LEN(units), out);
}

char *text_count(uint64_t n, char out[static TEXT_FIGURE])
{
	static const char *const units[] = { "", "k", "M", "G", "T", "P", "E" };

	if (n >= 100000000)
		return scaled((double)n, 1000, units, ARRAY_LEN(units), out);
	snprintf(out, TEXT_FIGURE, "%" PRIu64, n);
	return out;
}

char *text_span(uint64_t ms, char out[static TEXT_FIGURE])
{
	uint64_t s = ms / 1000;

	if (ms < 1000)
		snprintf(out, TEXT_FIGURE, "%" PRIu64 "ms", ms);
	else if (s < 60)
		snprintf(out, TEXT_FIGURE, "%" PRIu64 "s", s);
	else if (s < 3600)
		snprintf(out, TEXT_FIGURE, "%" PRIu64 "m%02" PRIu64 "s", s / 60, s % 60);
	else if (s < 86400)
		snprintf(out, TEXT_FIGURE, "%" PRIu64 "h%02" PRIu64 "m", s / 3600, s / 60 % 60);
	else
		snprintf(out, TEXT_FIGURE, "%" PRIu64 "d%02" PRIu64 "h", s / 86400, s / 3600 % 24);
	return out;
}

char *text_clean(char *text)
{
	for (unsigned char *p = (unsigned char *)text; *p; p++) {
		/* U+0080 to U+009F, which terminals may obey too. */
		if (p[0] == 0xc2 && p[1] >= 0x80 && p[1] < 0xa0)
			p[0] = p[1] = '?';
		else if (*p < ' ' || *p == 0x7f)
			*p = '?';
	}
	return text;
}

static bool goes_on(char c)
{
	return ((unsigned char)c & 0xc0) == 0x80;
}

size_t text_columns(const char *text)
{
	size_t n = 0;

	for (; *text; text++)
		n += !goes_on(*text);
	return n;
}

size_t text_cut(const char *text, size_t columns)
{
	size_t i = 0;

	for (; text[i]; i++)
		if (!goes_on(text[i]) && columns-- == 0)
			break;
	return i;
}

/* Bytes of the next line: up to the last blank that fits, or as much as fits. */
static size_t line_length(const char *words, size_t width)
{
	size_t len = text_cut(words, width), end = len;

	if (!words[len])
		return len;
	while (end > 0 && words[end] != ' ')
		end--;
	if (end == 0)
		return len;
	while (end > 0 && words[end - 1] == ' ')
		end--;
	return end;
}

void text_field(FILE *to, const char *label, size_t indent, size_t width, const char *words)
{
	size_t room = width > indent ? width - indent : 1, len;

	fprintf(to, "%-*s", (int)indent, label);
	for (;;) {
		len = line_length(words, room);
		fprintf(to, "%.*s\n", (int)len, words);
		words += len;
		words += strspn(words, " ");
		if (!*words)
			return;
		fprintf(to, "%*s", (int)indent, "");
	}
}
