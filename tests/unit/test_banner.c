/* What servers say first, as they said it: Postfix 3.7, Dovecot 2.3, Stalwart 0.16, nginx, OpenSSL and rustls,
 * with and without a PROXY header they did or did not expect. */
#include "codec/banner.h"

#include <stdio.h>

#include "base/bits.h"
#include "check.h"

#define BYTES(text) text, sizeof(text) - 1

enum { C = BIT(0), R = BIT(1), O = BIT(2), F = BIT(3) }; /* complete, refused, objected, farewell */

static const struct row {
	const char *bytes;
	size_t len;
	enum speech speech;
	unsigned flags;
	unsigned code;
	enum software software;
	const char *text;
} rows[] = {
	{ BYTES(""), SPEECH_NONE, 0, 0, 0, "" },
	{ BYTES("2"), SPEECH_NONE, 0, 0, 0, "2" },
	{ BYTES("220"), SPEECH_NONE, 0, 0, 0, "220" },
	{ BYTES("220 ba"), SPEECH_SMTP, 0, 0, 0, "220 ba" },
	{ BYTES("220 backend.test ESMTP Postfix\r\n"), SPEECH_SMTP, C, 220, SOFTWARE_POSTFIX,
	  "220 backend.test ESMTP Postfix" },
	{ BYTES("220\r\n"), SPEECH_SMTP, C, 220, 0, "220" },
	{ BYTES("220 mail.example.org Stalwart ESMTP at your service\r\n"), SPEECH_SMTP, C, 220,
	  SOFTWARE_STALWART, "220 mail.example.org Stalwart ESMTP at your service" },
	{ BYTES("220 mx ESMTP Exim 4.96 Thu\r\n"), SPEECH_SMTP, C, 220, SOFTWARE_EXIM,
	  "220 mx ESMTP Exim 4.96 Thu" },
	/* postscreen's teaser: who speaks now is found out */
	{ BYTES("220-backend.test ESMTP Postfix\r\n"), SPEECH_SMTP, 0, 220, SOFTWARE_POSTFIX,
	  "220-backend.test ESMTP Postfix" },
	{ BYTES("220-backend.test ESMTP Postfix\r\n220 backend.test ESMTP Postfix\r\n"),
	  SPEECH_SMTP, C, 220, SOFTWARE_POSTFIX, "220-backend.test ESMTP Postfix" },
	{ BYTES("220 a\n221 bye\n"), SPEECH_SMTP, C | F, 220, 0, "220 a" },
	{ BYTES("421 4.3.0 backend.test Server local error\r\n"), SPEECH_SMTP, C | R, 421, 0,
	  "421 4.3.0 backend.test Server local error" },
	{ BYTES("554 no SMTP service here\r\n500 what\r\n"), SPEECH_SMTP, C | R, 554, 0,
	  "554 no SMTP service here" },
	{ BYTES("421-busy\r\n"), SPEECH_SMTP, 0, 421, 0, "421-busy" },
	{ BYTES("421-busy\r\n421 come back\r\n"), SPEECH_SMTP, C | R, 421, 0, "421-busy" },
	/* a PROXY header that was not expected */
	{ BYTES("220 b ESMTP Postfix\r\n500 5.5.2 Error: bad syntax\r\n500 5.5.2 Error: bad syntax\r\n"
		"221 2.0.0 Bye\r\n"),
	  SPEECH_SMTP, C | O | F, 220, SOFTWARE_POSTFIX, "500 5.5.2 Error: bad syntax" },
	{ BYTES("220 s Stalwart ESMTP\r\n500 5.5.1 Invalid command.\r\n500 5.5.1 Inv"), SPEECH_SMTP,
	  C | O, 220, SOFTWARE_STALWART, "500 5.5.1 Invalid command." },
	{ BYTES("220 s\r\n421 too slow\r\n"), SPEECH_SMTP, C | O, 220, 0, "421 too slow" },
	{ BYTES("220 s\r\nnot a reply\r\n221 bye\r\n"), SPEECH_SMTP, C | F, 220, 0, "220 s" },
	{ BYTES("2200 s\r\n"), SPEECH_OTHER, 0, 0, 0, "2200 s" },

	{ BYTES("*"), SPEECH_NONE, 0, 0, 0, "*" },
	{ BYTES("* OK [CAPABILITY IMAP4rev1] Dovecot (Debian) ready.\r\n"), SPEECH_IMAP, C, 0,
	  SOFTWARE_DOVECOT, "* OK [CAPABILITY IMAP4rev1] Dovecot (Debian) ready." },
	{ BYTES("* OK [CAPABILITY IMAP4rev2] Stalwart IMAP4rev2 at your service.\r\n"), SPEECH_IMAP,
	  C, 0, SOFTWARE_STALWART,
	  "* OK [CAPABILITY IMAP4rev2] Stalwart IMAP4rev2 at your service." },
	{ BYTES("* PREAUTH hello\r\n"), SPEECH_IMAP, C, 0, 0, "* PREAUTH hello" },
	{ BYTES("* BYE full\r\n"), SPEECH_IMAP, C | R, 0, 0, "* BYE full" },
	{ BYTES("* OK Waiting for authentication process to respond..\r\n* OK Dovecot ready.\r\n"),
	  SPEECH_IMAP, C, 0, SOFTWARE_DOVECOT,
	  "* OK Waiting for authentication process to respond.." },
	{ BYTES("* OK Dovecot ready.\r\n* BYE Logging out\r\na OK Logout completed.\r\n"),
	  SPEECH_IMAP, C | F, 0, SOFTWARE_DOVECOT, "* OK Dovecot ready." },
	{ BYTES("* OK Dovecot ready.\r\n* BAD Error in IMAP command received by server.\r\n"),
	  SPEECH_IMAP, C | O, 0, SOFTWARE_DOVECOT,
	  "* BAD Error in IMAP command received by server." },
	{ BYTES("* OK Dovecot ready.\r\nPROXY BAD Error in IMAP command received by server.\r\n"
		"* BYE Logging out\r\na OK Logout completed.\r\n"),
	  SPEECH_IMAP, C | O | F, 0, SOFTWARE_DOVECOT,
	  "PROXY BAD Error in IMAP command received by server." },
	{ BYTES("* OK Stalwart\r\n* BAD [PARSE] Missing command after tag \"\\0\", found CRLF instead.\r\n"),
	  SPEECH_IMAP, C | O, 0, SOFTWARE_STALWART,
	  "* BAD [PARSE] Missing command after tag \"\\0\", found CRLF instead." },

	{ BYTES("+O"), SPEECH_NONE, 0, 0, 0, "+O" },
	{ BYTES("+OK Dovecot ready.\r\n"), SPEECH_POP3, C, 0, SOFTWARE_DOVECOT,
	  "+OK Dovecot ready." },
	{ BYTES("+OK hi\r\n-ERR Unknown command.\r\n+OK bye\r\n"), SPEECH_POP3, C | O | F, 0, 0,
	  "-ERR Unknown command." },
	{ BYTES("-ERR full\r\n"), SPEECH_POP3, C | R, 0, 0, "-ERR full" },

	{ BYTES("\"IMPLEMENTATION\" \"Dovecot Pigeonhole\"\r\n\"SIEVE\" \"fileinto\"\r\n"),
	  SPEECH_SIEVE, 0, 0, SOFTWARE_DOVECOT, "\"IMPLEMENTATION\" \"Dovecot Pigeonhole\"" },
	{ BYTES("\"IMPLEMENTATION\" \"x\"\r\nOK \"ready\"\r\nNO \"what\"\r\nOK \"bye\"\r\n"),
	  SPEECH_SIEVE, C | O | F, 0, 0, "NO \"what\"" },
	{ BYTES("\"IMPLEMENTATION\" \"x\"\r\nBYE \"full\"\r\n"), SPEECH_SIEVE, C | R, 0, 0,
	  "\"IMPLEMENTATION\" \"x\"" },

	{ BYTES("\x16"), SPEECH_NONE, 0, 0, 0, NULL },
	{ BYTES("\x16\x03\x03\0z\x02"), SPEECH_NONE, 0, 0, 0, NULL },
	{ BYTES("\x16\x03\x03\0z\x02\0\0v\x03\x03"), SPEECH_TLS, C, 0, 0, "" },
	{ BYTES("\x16\x03\x03\0\x7a\x01\0\0v"), SPEECH_OTHER, 0, 0, 0, NULL },
	{ BYTES("\x16Pqrstuv"), SPEECH_OTHER, 0, 0, 0, NULL },
	{ BYTES("\x15\x03\x03\0\x02\x02"), SPEECH_NONE, 0, 0, 0, NULL },
	{ BYTES("\x15\x03\x03\0\x02\x02\x32"), SPEECH_TLS, C | R, 50, 0, "" },

	{ BYTES("HTTP/1.1 200 OK\r\nServer: nginx\r\n"), SPEECH_HTTP, 0, 200, SOFTWARE_NGINX,
	  "HTTP/1.1 200 OK" },
	{ BYTES("HTTP/1.1 308 Permanent Redirect\r\nServer: Caddy\r\n\r\n"), SPEECH_HTTP, C, 308,
	  SOFTWARE_CADDY, "HTTP/1.1 308 Permanent Redirect" },
	{ BYTES("HTTP/1.1 400 Bad Request\r\nServer: nginx/1.22.1\r\n\r\n<html>"), SPEECH_HTTP,
	  C | R, 400, SOFTWARE_NGINX, "HTTP/1.1 400 Bad Request" },
	{ BYTES("HTTP/junk\r\n\r\n"), SPEECH_HTTP, 0, 0, 0, "HTTP/junk" },

	{ BYTES("SSH-2.0-OpenSSH_9.2p1\r\n"), SPEECH_OTHER, 0, 0, 0, "SSH-2.0-OpenSSH_9.2p1" },
	{ BYTES("\0\0\0\0"), SPEECH_OTHER, 0, 0, 0, NULL },
	{ BYTES("\r\n"), SPEECH_OTHER, 0, 0, 0, "" },
};

static unsigned flags_of(const struct banner *g)
{
	return (g->complete ? C : 0) | (g->refused ? R : 0) | (g->objected ? O : 0) |
	       (g->farewell ? F : 0);
}

Test(banner, rows)
{
	char label[80], text[200];
	struct banner g;

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const struct row *r = &rows[i];

		snprintf(label, sizeof(label), "row %zu, %.60s", i, r->bytes);
		banner_read((const uint8_t *)r->bytes, r->len, &g);
		expect_num(g.speech, r->speech, label);
		expect_num(flags_of(&g), r->flags, label);
		expect_num(g.code, r->code, label);
		expect_num(g.software, r->software, label);
		if (!r->text)
			continue;
		snprintf(text, sizeof(text), "%.*s", (int)g.text_len, (const char *)g.text);
		expect_str(text, r->text, label);
	}
}

/* Whatever the pieces in which it arrives. */
Test(banner, nothing_is_taken_back)
{
	struct banner before, g;

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		banner_read((const uint8_t *)"", 0, &before);
		for (size_t n = 1; n <= rows[i].len; n++) {
			banner_read((const uint8_t *)rows[i].bytes, n, &g);
			cr_expect((flags_of(&before) & ~flags_of(&g)) == 0 &&
					  (!before.speech || before.speech == g.speech),
				  "row %zu, byte %zu", i, n);
			before = g;
		}
	}
}

Test(banner, words)
{
	expect_str(banner_farewell(SPEECH_SMTP), "QUIT\r\n", "SMTP");
	expect_str(banner_farewell(SPEECH_IMAP), "a LOGOUT\r\n", "IMAP");
	cr_expect(!banner_farewell(SPEECH_TLS) && !banner_farewell(SPEECH_OTHER));
	expect_str(speech_name(SPEECH_SIEVE), "ManageSieve", "a name");
	expect_str(speech_name(SPEECH_OTHER), "an unknown protocol", "the last");
	expect_str(software_name(SOFTWARE_UNKNOWN), "the server", "nobody");
	expect_str(software_name(SOFTWARE_CADDY), "Caddy", "the last");
}
