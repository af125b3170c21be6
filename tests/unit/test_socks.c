/* What a SOCKS5 client says, and what it makes of the answers: RFC 1928, RFC 1929. */
#include "codec/socks.h"

#include <errno.h>

#include "check.h"

static void expect_bytes(const uint8_t *got, size_t n, const char *wanted, size_t len,
			 const char *label)
{
	expect_num(n, len, label);
	cr_expect(n == len && memcmp(got, wanted, len) == 0, "%s: other bytes", label);
}

#define BYTES(text) (text), sizeof(text) - 1

Test(socks, what_is_said)
{
	uint8_t out[SOCKS_WRITE_MAX];
	struct addr v4, v6;

	addr_parse(&v4, "100.64.0.2", 25);
	addr_parse(&v6, "fd7a:115c:a1e0::2", 993);
	expect_bytes(out, socks_write_greeting(false, out), BYTES("\5\1\0"), "no authentication");
	expect_bytes(out, socks_write_greeting(true, out), BYTES("\5\2\0\2"), "or a password");
	expect_bytes(out, socks_write_password("edge", "s3cret", out), BYTES("\1\4edge\6s3cret"),
		     "password");
	expect_bytes(out, socks_write_connect(NULL, &v4, out), BYTES("\5\1\0\1\x64\x40\0\2\0\x19"),
		     "v4");
	expect_bytes(out, socks_write_connect(NULL, &v6, out),
		     BYTES("\5\1\0\4\xfd\x7a\x11\x5c\xa1\xe0\0\0\0\0\0\0\0\0\0\2\x03\xe1"), "v6");
	expect_bytes(out, socks_write_connect("mail.tail0.ts.net", &v4, out),
		     BYTES("\5\1\0\3\x11mail.tail0.ts.net\0\x19"), "name");
}

Test(socks, the_longest_of_each)
{
	uint8_t out[SOCKS_WRITE_MAX];
	char text[SOCKS_TEXT_MAX + 1];
	struct addr to;

	memset(text, 'x', SOCKS_TEXT_MAX);
	text[SOCKS_TEXT_MAX] = '\0';
	addr_parse(&to, "192.0.2.1", 25);
	expect_num(socks_write_password(text, text, out), SOCKS_WRITE_MAX, "user and password");
	expect_num(socks_write_connect(text, &to, out), 4 + 1 + SOCKS_TEXT_MAX + 2, "name");
}

enum what { METHOD, METHOD_PASSWORD, PASSWORD, CONNECT };

static int read_answer(enum what what, const char *bytes, size_t n, enum socks_method *method,
		       size_t *missing)
{
	const uint8_t *p = (const uint8_t *)bytes;

	if (what == PASSWORD)
		return socks_read_password(p, n, missing);
	if (what == CONNECT)
		return socks_read_connect(p, n, missing);
	return socks_read_method(p, n, what == METHOD_PASSWORD, method, missing);
}

Test(socks, what_is_answered)
{
	static const struct {
		const char *label;
		enum what what;
		const char *bytes;
		size_t len;
		int result;
		size_t missing;
	} rows[] = {
		{ "nothing yet", METHOD, BYTES(""), 0, 2 },
		{ "half a method", METHOD, BYTES("\5"), 0, 1 },
		{ "no authentication", METHOD, BYTES("\5\0"), 2, 0 },
		{ "a password, not offered", METHOD, BYTES("\5\2"), -EPROTO, 0 },
		{ "a password", METHOD_PASSWORD, BYTES("\5\2"), 2, 0 },
		{ "a method nobody offered", METHOD_PASSWORD, BYTES("\5\1"), -EPROTO, 0 },
		{ "none will do", METHOD, BYTES("\5\xff"), -EACCES, 0 },
		{ "SOCKS4", METHOD, BYTES("\4\0"), -EPROTO, 0 },
		{ "a web server", METHOD, BYTES("HTTP/1.1 400"), -EPROTO, 0 },
		{ "a mail server", METHOD, BYTES("2"), -EPROTO, 0 },
		{ "no password yet", PASSWORD, BYTES(""), 0, 2 },
		{ "half a password", PASSWORD, BYTES("\1"), 0, 1 },
		{ "the right password", PASSWORD, BYTES("\1\0"), 2, 0 },
		{ "a wrong password", PASSWORD, BYTES("\1\x01"), -EACCES, 0 },
		{ "no answer to it", PASSWORD, BYTES("\5\0"), -EPROTO, 0 },
		{ "no reply yet", CONNECT, BYTES(""), 0, 5 },
		{ "its head", CONNECT, BYTES("\5\0\0\1"), 0, 1 },
		{ "v4, the address begins", CONNECT, BYTES("\5\0\0\1\x7f"), 0, 5 },
		{ "v4", CONNECT, BYTES("\5\0\0\1\x7f\0\0\1\0\x19"), 10, 0 },
		{ "v4 and a banner", CONNECT,
		  BYTES("\5\0\0\1\x7f\0\0\1\0\x19"
			"220 mail"),
		  10, 0 },
		{ "v6, the address begins", CONNECT, BYTES("\5\0\0\4\xfd"), 0, 17 },
		{ "v6", CONNECT,
		  BYTES("\5\0\0\4"
			"0123456789abcdef"
			"\0\x19"),
		  22, 0 },
		{ "a name", CONNECT, BYTES("\5\0\0\3\4mail\0\x19"), 11, 0 },
		{ "a name, not whole", CONNECT, BYTES("\5\0\0\3\4ma"), 0, 4 },
		{ "an empty name", CONNECT, BYTES("\5\0\0\3\0\0\x19"), 7, 0 },
		{ "an unknown kind of address", CONNECT, BYTES("\5\0\0\2\0"), -EPROTO, 0 },
		{ "a byte that has to be zero", CONNECT, BYTES("\5\0\1"), -EPROTO, 0 },
		{ "SOCKS4", CONNECT, BYTES("\0\x5a"), -EPROTO, 0 },
		{ "general failure", CONNECT, BYTES("\5\1"), -EHOSTUNREACH, 0 },
		{ "not allowed", CONNECT, BYTES("\5\2\0\1\0\0\0\0\0\0"), -EACCES, 0 },
		{ "network unreachable", CONNECT, BYTES("\5\3\0\1\0\0\0\0\0\0"), -ENETUNREACH, 0 },
		{ "host unreachable", CONNECT, BYTES("\5\4\0\1\0\0\0\0\0\0"), -EHOSTUNREACH, 0 },
		{ "refused", CONNECT, BYTES("\5\5\0\1\0\0\0\0\0\0"), -ECONNREFUSED, 0 },
		{ "timed out", CONNECT, BYTES("\5\6\0\1\0\0\0\0\0\0"), -ETIMEDOUT, 0 },
		{ "no such command", CONNECT, BYTES("\5\7\0\1\0\0\0\0\0\0"), -EOPNOTSUPP, 0 },
		{ "no such address", CONNECT, BYTES("\5\x08\0\1\0\0\0\0\0\0"), -EAFNOSUPPORT, 0 },
		{ "an unknown reply", CONNECT, BYTES("\5\x09"), -EPROTO, 0 },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		enum socks_method method = SOCKS_METHOD_NONE;
		size_t missing = 0;

		expect_num(read_answer(rows[i].what, rows[i].bytes, rows[i].len, &method, &missing),
			   rows[i].result, rows[i].label);
		expect_num(missing, rows[i].missing, rows[i].label);
		if (rows[i].what <= METHOD_PASSWORD && rows[i].result > 0)
			expect_num(method, rows[i].bytes[1], rows[i].label);
	}
}
