/* A SOCKS server's answers: never more bytes than there are, never a wish for bytes that lie behind
 * the answer, no verdict that more bytes revoke. */
#include "codec/socks.h"

#include "fuzz.h"

enum { METHOD, METHOD_OR_PASSWORD, PASSWORD, CONNECT, KINDS };

static int read_answer(unsigned kind, const uint8_t *p, size_t n, size_t *missing)
{
	enum socks_method method;

	switch (kind) {
	case METHOD:
	case METHOD_OR_PASSWORD:
		return socks_read_method(p, n, kind == METHOD_OR_PASSWORD, &method, missing);
	case PASSWORD:
		return socks_read_password(p, n, missing);
	default:
		return socks_read_connect(p, n, missing);
	}
}

static void check(unsigned kind, const uint8_t *bytes, size_t size)
{
	size_t missing = 0, n = 0;
	int whole = read_answer(kind, bytes, size, &missing), got;

	MUST(whole <= (int)size && whole <= SOCKS_READ_MAX);
	MUST(whole != 0 || missing > 0);
	/* As it is read from a socket: only what is asked for. */
	while ((got = read_answer(kind, bytes, n, &missing)) == 0) {
		MUST(missing > 0 && n + missing <= SOCKS_READ_MAX);
		if (n + missing > size)
			return;
		n += missing;
	}
	MUST(got < 0 || got == (int)n);
	if (whole > 0)
		MUST(got == whole);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	for (unsigned kind = 0; kind < KINDS; kind++)
		check(kind, bytes, size);
	return 0;
}
