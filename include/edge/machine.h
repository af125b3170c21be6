/* machine - what this machine and this process allow, as far as a configuration depends on it.
 * Reads limits and rights, changes nothing. Any thread; rights are those of the calling one. */
#ifndef TAILSPLICE_EDGE_MACHINE_H
#define TAILSPLICE_EDGE_MACHINE_H

#include <stddef.h>

#include "config/lint.h"
#include "edge/plan.h"

/* Threads with a ring each: as the file says, or one a core. */
size_t machine_workers(const struct config *c);

/* Descriptors the edge needs whatever the traffic (admit_budget()). */
size_t machine_fixed_fds(const struct config *c, size_t workers, size_t listeners);

/* For lint_config(), with the plan made of that configuration. Sockets that systemd hands over
 * (sd_listen_fds(3)) count as the right to bind. */
void machine_facts(struct lint_facts *out, const struct config *c, const struct plan *plan);

/* The network namespace we are in, by its name in /run/netns (ip-netns(8)); NULL: it has none. Static. */
const char *machine_netns(void);

#endif
