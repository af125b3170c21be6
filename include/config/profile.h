/* profile - the timeouts that fit a protocol, when the operator gave none. */
#ifndef TAILSPLICE_CONFIG_PROFILE_H
#define TAILSPLICE_CONFIG_PROFILE_H

#include <stdbool.h>

#include "config/model.h"

/* PROFILE_AUTO becomes the profile of the port; others stay. */
enum profile profile_of(enum profile given, uint16_t port);

const char *profile_name(enum profile p);

/* True when the protocol lets a server end a connection on which nothing is asked: HTTP (RFC 9112
 * 9.5) and IMAP, POP3 (RFC 9051 5.4: clients come back). Not SMTP: a client that waits for the
 * answer to its mail would send it twice. */
bool profile_ends_idle(enum profile p);

/* What holds for one leg of a flow: `own` (the section of that leg) first, then `other` (the
 * other section: idle and half-closed belong to the flow, not to a leg), then the profile. */
struct timeouts profile_client_timeouts(enum profile p, const struct timeouts *own,
					const struct timeouts *other);
struct timeouts profile_server_timeouts(enum profile p, const struct timeouts *own,
					const struct timeouts *other);

#endif
