/* checkup_rows - the checks themselves, by what they are about; checkup.c has the table. Each looks at facts, and says what it finds with
 * checkup_say(): nothing, one line or several. Pure. */
#ifndef TAILSPLICE_CONTROL_CHECKUP_ROWS_H
#define TAILSPLICE_CONTROL_CHECKUP_ROWS_H

#include "control/facts.h"
#include "control/symptom.h"

void check_kernel(const struct facts *f, struct checkup *c);
void check_ring(const struct facts *f, struct checkup *c);
void check_paths(const struct facts *f, struct checkup *c);
void check_descriptors(const struct facts *f, struct checkup *c);
void check_pipes(const struct facts *f, struct checkup *c);
void check_ports(const struct facts *f, struct checkup *c);
void check_clock(const struct facts *f, struct checkup *c);

void check_configuration(const struct facts *f, struct checkup *c);
void check_listeners(const struct facts *f, struct checkup *c);
void check_routes(const struct facts *f, struct checkup *c);
void check_ptr(const struct facts *f, struct checkup *c);
void check_aaaa(const struct facts *f, struct checkup *c);
void check_outbound(const struct facts *f, struct checkup *c);

void check_tailscaled(const struct facts *f, struct checkup *c);
void check_socket(const struct facts *f, struct checkup *c);
void check_key(const struct facts *f, struct checkup *c);
void check_device(const struct facts *f, struct checkup *c);
void check_nodes(const struct facts *f, struct checkup *c);

#endif
