/* First bytes that may be a ClientHello: no verdict that more bytes revoke, the same whether it comes in one record or in
 * many, and a name that nobody has to be careful with. */
#include "codec/hello.h"

#include <ctype.h>
#include <string.h>

#include "fuzz.h"

static void check_clean(const struct hello *h)
{
	size_t at = 0;

	MUST(strlen(h->name) < HELLO_NAME_MAX);
	for (const char *c = h->name; *c; c++)
		MUST(isalnum((unsigned char)*c) ? !isupper((unsigned char)*c)
						: !!strchr("-_.", *c));
	while (at < h->alpn_len) {
		MUST(h->alpn[at] > 0);
		at += 1u + h->alpn[at];
	}
	MUST(at == h->alpn_len);
}

/* The first record's message, in records of one byte each. */
static void check_split(const uint8_t *bytes, int end, const struct hello *whole)
{
	static uint8_t split[6 * 512];
	size_t n = (size_t)end - 5;
	struct hello again;

	if (n > 512 || ((size_t)bytes[3] << 8 | bytes[4]) < n)
		return;
	for (size_t i = 0; i < n; i++)
		memcpy(split + 6 * i, (uint8_t[]){ 22, 3, 1, 0, 1, bytes[5 + i] }, 6);
	MUST(hello_parse(split, 6 * n, &again) == (int)(6 * n));
	MUST(hello_parse(split, 6 * n - 1, &again) == 0);
	hello_parse(split, 6 * n, &again);
	MUST(strcmp(again.name, whole->name) == 0 && again.alpn_len == whole->alpn_len);
	MUST(memcmp(again.alpn, whole->alpn, whole->alpn_len) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	struct hello h, before;
	int len = hello_parse(bytes, size, &h), begins = hello_begins(bytes, size), shorter;

	MUST(len <= (int)size && begins <= 6);
	MUST(len <= 0 || begins > 0);
	MUST(begins >= 0 || len < 0);
	check_clean(&h);
	for (size_t step = 1; step < size; step += 1 + step / 8) {
		shorter = hello_parse(bytes, step, &before);
		MUST(shorter == 0 || shorter == len);
		shorter = hello_begins(bytes, step);
		MUST(shorter == 0 || shorter == begins);
	}
	if (len > 0)
		check_split(bytes, len, &h);
	return 0;
}
