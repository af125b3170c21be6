/* sockmap - the kernel moves the bytes from socket to socket as they arrive, without waking us: opt-in, for
 * many busy flows. `auto` never chooses it. A half is taken over before its first byte was read; one that cannot be
 * (its end is there already, no slot is left, the kernel is too old) is spliced.
 *
 * What the peer has no room for comes to the worker, which sends it on by copy.c when what the kernel has
 * queued before it is written; then the kernel goes on. So memory and windows are those of two sockets, as on
 * the other paths (bpf/sockmap.bpf.c). An end is passed on when the peer's socket took, by TCP's own count, what the
 * source received; a byte short is never an end, but a reset. */
#ifndef TAILSPLICE_RELAY_SOCKMAP_H
#define TAILSPLICE_RELAY_SOCKMAP_H

#include "relay/half.h"

extern const struct path path_sockmap;

#endif
