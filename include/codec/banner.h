/* banner - what a server has said so far, judged from all its bytes since the connection began: which
 * protocol it speaks, whether it welcomes or turns away, and whether it objects to what was sent before its
 * greeting (a PROXY header it did not expect).
 * Sources: RFC 5321 (SMTP), RFC 9051 (IMAP), RFC 1939 (POP3), RFC 5804 (ManageSieve), RFC 8446 (TLS), RFC 9112 (HTTP).
 * Pure: no descriptor, no allocation, no log. Any bytes may come. */
#ifndef TAILSPLICE_CODEC_BANNER_H
#define TAILSPLICE_CODEC_BANNER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* SPEECH_NONE: too few bytes to tell; or, where one is asked for, any. */
enum speech {
	SPEECH_NONE,
	SPEECH_SMTP,
	SPEECH_IMAP,
	SPEECH_POP3,
	SPEECH_SIEVE,
	SPEECH_TLS,
	SPEECH_HTTP,
	SPEECH_OTHER,
};

/* Who a greeting says it is: whoever knows it can say where it is configured. */
enum software {
	SOFTWARE_UNKNOWN,
	SOFTWARE_STALWART,
	SOFTWARE_POSTFIX,
	SOFTWARE_DOVECOT,
	SOFTWARE_EXIM,
	SOFTWARE_NGINX,
	SOFTWARE_CADDY,
	SOFTWARE_COUNT
};

struct banner {
	enum speech speech;
	bool complete; /* the greeting is whole: the client may speak */
	bool refused; /* it turns the client away: SMTP 4xx or 5xx, IMAP BYE, POP3 -ERR, a TLS alert, HTTP 400 */
	bool objected; /* an error after the greeting that no command of ours has earned */
	bool farewell; /* it has answered the word that ends the session */
	uint16_t code; /* of the greeting: SMTP reply, HTTP status, TLS alert; 0: has none */
	enum software software;
	const uint8_t *
		text; /* its first line, without its end; of the objection when there is one. Lent. */
	size_t text_len;
};

/* Of the first n bytes of a connection; more of them never turn `complete`, `refused`, `objected` or `farewell`
 * back, nor the speech once it is known. */
void banner_read(const uint8_t *p, size_t n, struct banner *out);

/* The word a client ends that session with; NULL: there is none. Its tag, in IMAP, is the one that
 * banner_read() takes for ours. */
const char *banner_farewell(enum speech s);

/* "SMTP", "IMAP" …; "nothing" and "an unknown protocol" for the ends of the list. */
const char *speech_name(enum speech s);

/* "Stalwart" …; "the server" when unknown. */
const char *software_name(enum software s);

#endif
