#include <string.h>

#include "proxyhead.h"

#define V1_MAX	 107
#define V2_FIXED 16

static const uint8_t v1_start[] = { 'P', 'R', 'O', 'X', 'Y', ' ' };
static const uint8_t v2_start[] = { 0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d,
				    0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a };

static int v1_length(const uint8_t *p, size_t n)
{
	size_t seen = n < V1_MAX ? n : V1_MAX;
	const uint8_t *end = memchr(p, '\n', seen);

	if (end)
		return (int)(end - p) + 1;
	return n < V1_MAX ? 0 : -1;
}

static int v2_length(const uint8_t *p, size_t n)
{
	int length;

	if (n < V2_FIXED)
		return 0;
	length = V2_FIXED + (p[14] << 8 | p[15]);
	if (length > PROXYHEAD_MAX)
		return -1;
	return n < (size_t)length ? 0 : length;
}

static size_t least(size_t a, size_t b)
{
	return a < b ? a : b;
}

int proxyhead_length(const uint8_t *p, size_t n)
{
	if (!memcmp(p, v1_start, least(n, sizeof(v1_start))))
		return n < sizeof(v1_start) ? 0 : v1_length(p, n);
	if (!memcmp(p, v2_start, least(n, sizeof(v2_start))))
		return n < sizeof(v2_start) ? 0 : v2_length(p, n);
	return -1;
}
