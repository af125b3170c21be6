/* resolve - a host name becomes addresses, by the system's resolver (getaddrinfo(3)).
 * It blocks: for the main thread before the workers start, never for a flow. */
#ifndef TAILSPLICE_BACKEND_RESOLVE_H
#define TAILSPLICE_BACKEND_RESOLVE_H

#include <stddef.h>

#include "base/addr.h"

/* Up to max addresses with that port, in the resolver's order (RFC 6724). Returns how many;
 * 0 with *why, a static text, when there is none. */
size_t resolve_host(const char *host, uint16_t port, struct addr *out, size_t max,
		    const char **why);

#endif
