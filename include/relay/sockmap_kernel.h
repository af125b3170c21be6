/* sockmap_kernel - the program and the maps of the path sockmap (bpf/sockmap.bpf.c), in the kernel
 * once for the whole process. The only file that knows libbpf; sockmap_absent.c stands in for it in a build
 * without. Nothing is pinned: all of it goes with the process, however that ends.
 *
 * Loaded by the main thread while it has the privileges (CAP_BPF, CAP_NET_ADMIN, and CAP_PERFMON for
 * reading the peer's send buffer); what workers do afterwards needs none. */
#ifndef TAILSPLICE_RELAY_SOCKMAP_KERNEL_H
#define TAILSPLICE_RELAY_SOCKMAP_KERNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bpf/sockmap_abi.h"

/* At most so many flows of the whole process at a time; a further one uses splice. */
#define SOCKMAP_FLOWS 16384

/* False, with words for the operator. */
bool sockmap_load(size_t workers, char *why, size_t size);
void sockmap_unload(void);

/* That worker's share of the flows, from *first on; flow 0 is the self-test's. 0: nothing is loaded. */
uint32_t sockmap_share(size_t worker, uint32_t *first);

/* The two of a flow: sockmap_slot(2 * flow) and the next. Shared with the kernel. */
volatile struct sockmap_slot *sockmap_slot(uint32_t slot);

struct sockmap_leg {
	int fd;
	uint64_t cookie;
};

/* Two legs each. The kernel takes over the halves of a flow. The slots are zero but for what the worker writes. Returns a bit for
 * each half that it took, BIT(0) from leg[0] to leg[1]: a socket that has its end already is not taken. Then
 * kick both: what had arrived before moves only when it is looked at. A kick answers 1 when there are bytes for
 * us, 0 at the end of the stream, else a negative errno; a failure is told once, to whoever asks first. */
unsigned sockmap_join(uint32_t slot, const struct sockmap_leg *leg);
int sockmap_kick(int fd);

/* The slots mean these sockets no longer. The rest goes when they are closed. */
void sockmap_part(const struct sockmap_leg *leg);

/* How a worker is called: poll the descriptor for POLLIN, then take the slots. */
int sockmap_calls_fd(size_t worker);
void sockmap_take_calls(size_t worker, void (*take)(void *owner, uint32_t slot), void *owner);

#endif
