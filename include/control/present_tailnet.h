/* present_tailnet - the part of a status about the tailnet, as text for people. Any thread. */
#ifndef TAILSPLICE_CONTROL_PRESENT_TAILNET_H
#define TAILSPLICE_CONTROL_PRESENT_TAILNET_H

#include <jansson.h>
#include <stdbool.h>

#include "control/sheet.h"

/* One line of the upper part; nothing when tailscaled is not asked. */
void present_tailnet_line(const struct sheet *s, const json_t *tailnet);

/* The interface, if there is one, or was needed. */
void present_tailnet_interface(const struct sheet *s, const json_t *interface);

/* The table of servers that are nodes; nothing when there are none. */
void present_tailnet_nodes(const struct sheet *s, const json_t *tailnet, bool bold);

#endif
