/* device - the interface through which a server is dialled.
 * A tailnet address (100.64.0.0/10, fd7a:115c:a1e0::/48) has a route only while tailscaled runs; without it the
 * default route takes it, and mail would leave the public interface in clear text. So a socket for such an address is
 * bound to the tailnet's interface, or it is not dialled at all. SO_BINDTOIFINDEX needs no privilege where the
 * socket was not bound before (since Linux 5.7).
 *
 * The tailnet's interface is up, holds an address of those ranges, and is a tunnel, or is called tailscale*, or holds
 * an address of the IPv6 range. The last three because providers use 100.64.0.0/10 for their customers (RFC 6598):
 * an Ethernet interface may hold such an address and lead anywhere.
 *
 * The main thread opens it and hears of changes; any thread may bind. What is known is behind a lock
 * that is held for a comparison or two. */
#ifndef TAILSPLICE_BACKEND_DEVICE_H
#define TAILSPLICE_BACKEND_DEVICE_H

#include <net/if.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/addr.h"

/* Finds the tailnet's interface, and from then on hears of changes: a descriptor to poll for POLLIN, or
 * negative errno of socket(2). Without it the first device_bind() looks, and nobody looks again. */
int device_open(void);
void device_hear(int fd);

/* True for an address that only a tailnet can have. */
bool device_is_tailnet(const struct addr *a);

/* Binds a socket that will connect to that address. `device`: any, auto, or the name of an interface. 0; -ENODEV: it
 * must not be dialled, there is no such interface, which the log is told once; or negative errno of setsockopt(2). */
int device_bind(int fd, const char *device, const struct addr *to);

/* The tailnet's interface; false, and "": there is none now. *refused: sockets that were not bound, and so not
 * dialled, for want of one. */
bool device_tailnet(char name[static IF_NAMESIZE], size_t *refused);

#endif
