/* First bytes that may be a request: no verdict that more bytes revoke, and a path within them. */
#include "codec/host.h"

#include <ctype.h>
#include <string.h>

#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	struct host h, before;
	int len = host_parse(bytes, size, &h), shorter;

	MUST(len <= (int)size);
	MUST(len <= 0 || h.line);
	MUST(h.path + h.path_len <= size);
	MUST(!h.path_len || bytes[h.path] == '/');
	MUST(!host_path_begins(&h, bytes, "/a") || bytes[h.path + 1] == 'a');
	for (const char *c = h.name; *c; c++)
		MUST(isalnum((unsigned char)*c) ? !isupper((unsigned char)*c)
						: !!strchr("-_.", *c));
	for (size_t step = 1; step < size; step += 1 + step / 8) {
		shorter = host_parse(bytes, step, &before);
		MUST(shorter == 0 || shorter == len);
		if (before.line)
			MUST(h.line && before.path == h.path && before.path_len == h.path_len);
	}
	return 0;
}
