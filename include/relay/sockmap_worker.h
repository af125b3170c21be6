/* sockmap_worker - what one worker has of the path sockmap: its share of the slots, and the calls of
 * the program in the kernel. Opened by the first relay that needs it. */
#ifndef TAILSPLICE_RELAY_SOCKMAP_WORKER_H
#define TAILSPLICE_RELAY_SOCKMAP_WORKER_H

#include "relay/half.h"

/* Two neighbouring slots for a relay, zeroed. `called` is for the program's calls, with 0 or 1. False: there
 * are none, or no sockmap at all. */
bool sockmap_slots_get(struct relay_host *host, struct carriage *owner,
		       void (*called)(struct carriage *owner, unsigned which), uint32_t *slot);

/* No segment can reach them any more, but one that is just being judged: they are used again late. */
void sockmap_slots_put(struct relay_host *host, uint32_t slot);

/* Called until it is true. */
bool sockmap_leave(struct relay_host *host);

#endif
