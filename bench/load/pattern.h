/* pattern - the bytes that are sent, and the check of those that arrive.
 * A stream's byte is known from its offset alone, so each end checks without the other. The period
 * is a multiple of no page, pipe or buffer size: a block that is lost, doubled or swapped shows. */
#ifndef BENCH_PATTERN_H
#define BENCH_PATTERN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PATTERN_SPAN (256 * 1024)

struct pattern {
	size_t period;
	const uint8_t *table; /* one period, and PATTERN_SPAN more */
};

/* Any bytes; and a mail's: lines of 76 letters and a line end, none of which starts with a dot. */
extern struct pattern pattern_bytes, pattern_lines;

/* The stream from this offset on, PATTERN_SPAN bytes of it. */
const uint8_t *pattern_at(const struct pattern *p, uint64_t offset);

bool pattern_holds(const struct pattern *p, uint64_t offset, const uint8_t *bytes, size_t n);

#endif
