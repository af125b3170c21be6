/* ports - how many source ports are taken towards the addresses of one server. Each connection to one address and port
 * needs one of its own, of net.ipv4.ip_local_port_range; when they are out, nobody can be connected any more.
 * Embedded in a server; any thread: the counts are atomic, and exact across workers. */
#ifndef TAILSPLICE_BACKEND_PORTS_H
#define TAILSPLICE_BACKEND_PORTS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/addr.h"

/* Addresses share a place by their hash: two that do are counted together, so the warning may come early. */
#define PORTS_PLACES 64

struct ports {
	atomic_size_t taken[PORTS_PLACES];
	atomic_bool said;
};

/* A connection to there begins. Of 80 % the log is told, once until it is half of it again. */
void ports_enter(struct ports *p, const struct addr *to, const char *backend);
void ports_leave(struct ports *p, const struct addr *to);

/* Ports that the kernel gives to connections of one source to one address. Read from /proc now and then. */
size_t ports_range(void);

#endif
