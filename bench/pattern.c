#include <string.h>

#include "pattern.h"

static uint8_t table[PATTERN_PERIOD + PATTERN_SPAN];

__attribute__((constructor)) static void fill(void)
{
	uint32_t x = 2463534242u;

	for (size_t i = 0; i < sizeof(table); i++) {
		x ^= x << 13;
		x ^= x >> 17;
		x ^= x << 5;
		table[i] = i < PATTERN_PERIOD ? (uint8_t)(x >> 24) : table[i - PATTERN_PERIOD];
	}
}

const uint8_t *pattern_at(uint64_t offset)
{
	return table + offset % PATTERN_PERIOD;
}

bool pattern_holds(uint64_t offset, const uint8_t *bytes, size_t n)
{
	while (n) {
		size_t part = n < PATTERN_SPAN ? n : PATTERN_SPAN;

		if (memcmp(pattern_at(offset), bytes, part))
			return false;
		offset += part;
		bytes += part;
		n -= part;
	}
	return true;
}
