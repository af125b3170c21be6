#include "codec/tlv.h"

#include <string.h>

#include "codec/crc32c.h"

/* Of a v2 header: where its length stands, and what that does not count. */
enum { LENGTH_AT = 14, UNCOUNTED = 16, COUNTED_MAX = 65535 };

bool tlv_next(const uint8_t *p, size_t n, size_t *at, struct tlv *out)
{
	size_t len;

	if (n - *at < TLV_HEADER)
		return false;
	len = (size_t)p[*at + 1] << 8 | p[*at + 2];
	if (n - *at - TLV_HEADER < len)
		return false;
	*out = (struct tlv){ p[*at], p + *at + TLV_HEADER, len };
	*at += TLV_HEADER + len;
	return true;
}

bool tlv_valid(const uint8_t *p, size_t n)
{
	struct tlv t;
	size_t at = 0;

	while (tlv_next(p, n, &at, &t))
		;
	return at == n;
}

size_t tlv_add(uint8_t *header, size_t len, size_t room, enum tlv_type type, const void *value,
	       size_t n)
{
	size_t whole = len + TLV_HEADER + n;

	if (whole > room || whole - UNCOUNTED > COUNTED_MAX)
		return len;
	header[len] = (uint8_t)type;
	header[len + 1] = (uint8_t)(n >> 8);
	header[len + 2] = (uint8_t)n;
	memcpy(header + len + TLV_HEADER, value, n);
	header[LENGTH_AT] = (uint8_t)((whole - UNCOUNTED) >> 8);
	header[LENGTH_AT + 1] = (uint8_t)(whole - UNCOUNTED);
	return whole;
}

size_t tlv_add_sum(uint8_t *header, size_t len, size_t room)
{
	static const uint8_t none[4];
	size_t whole = tlv_add(header, len, room, TLV_CRC32C, none, sizeof(none));
	uint32_t sum = crc32c(0, header, whole);

	for (size_t i = 0; whole != len && i < sizeof(none); i++)
		header[whole - sizeof(none) + i] = (uint8_t)(sum >> (24 - 8 * i));
	return whole;
}

bool tlv_sum_holds(const uint8_t *header, size_t len, size_t at, size_t n)
{
	static const uint8_t none[4];
	const uint8_t *tlvs = header + at;
	size_t next = 0, before;
	struct tlv t;
	uint32_t sum;

	while (tlv_next(tlvs, n, &next, &t)) {
		if (t.type != TLV_CRC32C)
			continue;
		if (t.len != sizeof(none))
			return false;
		before = (size_t)(t.value - header);
		sum = crc32c(0, header, before);
		sum = crc32c(sum, none, sizeof(none));
		sum = crc32c(sum, t.value + t.len, len - before - t.len);
		return sum == ((uint32_t)t.value[0] << 24 | (uint32_t)t.value[1] << 16 |
			       (uint32_t)t.value[2] << 8 | t.value[3]);
	}
	return true;
}
