/* copy - recv(2) and send(2) through the worker's one buffer: for small messages, always
 * usable, and what the other paths fall back to. */
#ifndef TAILSPLICE_RELAY_COPY_H
#define TAILSPLICE_RELAY_COPY_H

#include "relay/half.h"

extern const struct path path_copy;

/* Nothing is left in the outbox. */
enum pump copy_pump(struct relay *r, struct half *h);

/* The same, and a short message leaves by the outbox, with those of other relays. */
enum pump copy_pump_together(struct relay *r, struct half *h);

#endif
