/* pattern - the bytes that are sent, and the check of those that arrive.
 * A stream's byte is known from its offset alone, so each end checks without the other. The period
 * is a multiple of a cache line but of no page, pipe or buffer size: a block that is lost, doubled
 * or swapped shows. */
#ifndef BENCH_PATTERN_H
#define BENCH_PATTERN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PATTERN_PERIOD (65536 + 64)
#define PATTERN_SPAN   (256 * 1024)

/* The stream from this offset on, PATTERN_SPAN bytes of it. */
const uint8_t *pattern_at(uint64_t offset);

bool pattern_holds(uint64_t offset, const uint8_t *bytes, size_t n);

#endif
