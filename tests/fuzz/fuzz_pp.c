/* PROXY headers from strangers: never more bytes than there are, no verdict that more bytes
 * revoke, and what is understood can be written and read again. */
#include "codec/pp.h"

#include <string.h>

#include "fuzz.h"

static void check_written_again(const struct pp *pp)
{
	uint8_t bytes[PP_WRITE_MAX];
	struct addr src = pp->src, dst = pp->dst;
	struct pp again;
	size_t n = pp_write(pp->version, &src, &dst, bytes);

	MUST(n > 0 && n <= sizeof(bytes));
	MUST(pp_parse(bytes, n, &again) == (int)n);
	addr_fold(&src);
	addr_fold(&dst);
	addr_fold(&again.src);
	addr_fold(&again.dst);
	MUST(addr_equal(&src, &again.src) && addr_equal(&dst, &again.dst));
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	struct pp pp, before;
	int len = pp_parse(bytes, size, &pp), shorter;

	MUST(len <= (int)size);
	for (size_t n = 0; n < size && n < 256; n++) {
		shorter = pp_parse(bytes, n, &before);
		MUST(shorter <= (int)n);
		if (shorter != 0)
			MUST(shorter == len);
	}
	if (len > 0 && !pp.local && pp.src.sa.sa_family != AF_UNSPEC)
		check_written_again(&pp);
	return 0;
}
