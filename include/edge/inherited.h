/* inherited - listening sockets that the service manager opened for us (socket activation):
 * sd_listen_fds(3), LISTEN_FDS, LISTEN_PID and LISTEN_FDNAMES. Used by the main thread only. */
#ifndef TAILSPLICE_EDGE_INHERITED_H
#define TAILSPLICE_EDGE_INHERITED_H

#include <stdbool.h>
#include <stddef.h>

#include "base/addr.h"
#include "config/report.h"

/* systemd.socket(5), FileDescriptorName=: at most 255 characters. */
#define INHERITED_NAME 256

struct inherited {
	int fd;
	char name[INHERITED_NAME]; /* FileDescriptorName=; without one, the socket unit's name, or "unknown" */
	struct addr at;
	bool v6only; /* false for an IPv6 socket that takes IPv4 clients as well */
};

struct inherited_list {
	struct inherited *at;
	size_t count;
};

/* What this process was given, once: the variables are unset, and a second call finds nothing. Each descriptor is the caller's
 * and closed on exec. True when there is none. What cannot be used (not TCP, not listening) is an error with its remedy in the
 * report, and closed; then false, and the list holds the rest. */
bool inherited_take(struct inherited_list *out, struct report *report);

/* Closes what is still there (fd >= 0), and frees. */
void inherited_finish(struct inherited_list *list);

#endif
