/* sockmap_gate - which kernels have what the path sockmap stands on: before June 2025 data was duplicated after a
 * short send (3b4f14b79428), and a queue outlived its socket (CVE-2025-38154). Pure. */
#ifndef TAILSPLICE_RELAY_SOCKMAP_GATE_H
#define TAILSPLICE_RELAY_SOCKMAP_GATE_H

#include <stdbool.h>

/* `release` and `version` as of uname(2). Debian's release says "6.1.0-43", and its version which
 * 6.1 that is: "… Debian 6.1.162-1 (…)". */
bool sockmap_gate(const char *release, const char *version);

/* For the operator: what it wants. */
#define SOCKMAP_KERNELS "6.1.142, 6.6.94, 6.12.34, 6.15.3, 6.16 or newer"

#endif
