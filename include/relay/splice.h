/* splice - splice(2) through a pooled pipe, in the worker's own thread: for bulk.
 * IORING_OP_SPLICE would hand each call to a kernel thread; see ring_splice.h. */
#ifndef TAILSPLICE_RELAY_SPLICE_H
#define TAILSPLICE_RELAY_SPLICE_H

#include "relay/half.h"

extern const struct path path_splice;

enum pump splice_pump(struct relay *r, struct half *h);

#endif
