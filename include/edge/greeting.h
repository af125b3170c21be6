/* greeting - what a server hears before the client's first byte: its PROXY header. Allocated for
 * the time of the dial alone. Used by its own worker only. */
#ifndef TAILSPLICE_EDGE_GREETING_H
#define TAILSPLICE_EDGE_GREETING_H

#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "config/model.h"

struct greeting {
	size_t len;
	uint8_t bytes[];
};

/* As that backend wants it: src connected to dst. The caller frees *out, which is NULL when nothing is
 * to be said. 0, or -ENOMEM. */
int greeting_make(struct greeting **out, const struct backend_conf *b, const struct addr *src,
		  const struct addr *dst);

#endif
