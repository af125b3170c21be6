/* wire - what is spoken on a port, and who speaks first there. Pure; any thread. */
#ifndef TAILSPLICE_CONFIG_WIRE_H
#define TAILSPLICE_CONFIG_WIRE_H

#include <stdbool.h>
#include <stdint.h>

#include "config/model.h"

/* What is spoken on a port; WIRE_OTHER: nobody knows. */
enum wire {
	WIRE_OTHER,
	WIRE_SMTP,
	WIRE_SMTPS,
	WIRE_IMAP,
	WIRE_IMAPS,
	WIRE_POP3,
	WIRE_POP3S,
	WIRE_SIEVE,
	WIRE_HTTP,
	WIRE_HTTPS
};

enum wire wire_of(uint16_t port);
const char *wire_name(enum wire w);
bool wire_is_web(enum wire w);
bool wire_is_mail(enum wire w);

/* A client of that port hears a server's words in the clear, and they are SMTP. p is not PROFILE_AUTO. */
bool wire_greets_in_smtp(enum profile p, uint16_t port);

/* 8080 and 8443: a custom, not an assignment. */
bool wire_is_custom(uint16_t port);

/* It begins with TLS. */
bool wire_is_tls(enum wire w);

enum wire_first { WIRE_NOBODY_KNOWS, WIRE_CLIENT_FIRST, WIRE_SERVER_FIRST };

/* The port's assignment decides, else the profile (not PROFILE_AUTO). Where the server speaks first, a client may wait for ever to be
 * greeted before it says a word. */
enum wire_first wire_first(enum profile p, uint16_t port);

#endif
