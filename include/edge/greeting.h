/* greeting - what a server hears before the client's first byte: its PROXY header, with its TLVs. Allocated for
 * the time of the dial alone. Used by its own worker only. */
#ifndef TAILSPLICE_EDGE_GREETING_H
#define TAILSPLICE_EDGE_GREETING_H

#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "config/model.h"
#include "edge/head.h"

struct greeting {
	size_t len;
	uint8_t bytes[];
};

/* For the flow of that id: src connected to dst, as that backend wants it. `head` is what the client said and
 * what a proxy in front said of it, or NULL. The caller frees *out, which is NULL when nothing is to be said. 0, or
 * -ENOMEM. Never PP2_TYPE_SSL: Stalwart takes it for TLS of this connection, and offers AUTH in the clear. */
int greeting_make(struct greeting **out, const struct backend_conf *b, uint64_t id,
		  const struct addr *src, const struct addr *dst, const struct head *head);

#endif
