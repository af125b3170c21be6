/* TLVs of all kinds, written behind a header and read again: (type, length, value) with a length of one byte. */
#include "codec/tlv.h"

#include <string.h>

#include "codec/pp.h"
#include "fuzz.h"

static size_t write_all(const uint8_t *bytes, size_t size, uint8_t *header, size_t len, size_t room)
{
	for (size_t at = 0; at + 2 <= size && at + 2 + bytes[at + 1] <= size;) {
		size_t after = tlv_add(header, len, room, bytes[at], bytes + at + 2, bytes[at + 1]);

		MUST(after == len || after == len + 3 + bytes[at + 1]);
		MUST(after <= room);
		len = after;
		at += 2u + bytes[at + 1];
	}
	return len;
}

static bool has_sum(const uint8_t *p, size_t n)
{
	struct tlv t;
	size_t at = 0;

	while (tlv_next(p, n, &at, &t))
		if (t.type == TLV_CRC32C)
			return true;
	return false;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	static uint8_t header[1024];
	struct addr a = { 0 };
	struct pp pp;
	size_t plain, len, sealed, at = 0, seen = 0;
	struct tlv t;

	while (tlv_next(bytes, size, &at, &t))
		MUST(t.value + t.len <= bytes + size);
	MUST(tlv_valid(bytes, size) == (at == size));
	addr_parse(&a, "192.0.2.1", 25);
	plain = pp_write(PP_V2, &a, &a, header);
	len = write_all(bytes, size, header, plain, sizeof(header));
	if (!has_sum(header + plain, len - plain)) {
		MUST(pp_parse(header, len, &pp) == (int)len);
		MUST(pp.tlvs == plain && pp.tlvs_len == len - plain);
		sealed = tlv_add_sum(header, len, sizeof(header));
		MUST(pp_parse(header, sealed, &pp) == (int)sealed);
		for (at = 0; tlv_next(header + pp.tlvs, pp.tlvs_len, &at, &t); seen++)
			;
		/* One bit anywhere behind the length is found out. */
		if (sealed > len) {
			header[16 + size % (sealed - 16)] ^= 1;
			MUST(pp_parse(header, sealed, &pp) != (int)sealed ||
			     !has_sum(header + pp.tlvs, pp.tlvs_len));
		}
	}
	return 0;
}
