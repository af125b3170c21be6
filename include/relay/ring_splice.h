/* ring_splice - the two splices as IORING_OP_SPLICE, after a poll.
 * The kernel hands every such operation to a worker thread (io_uring/splice.c,
 * REQ_F_FORCE_ASYNC), bounded in number by the ring and never held by an idle flow, since each
 * is non-blocking. The literal form of "io_uring splice"; measured, opt-in. */
#ifndef TAILSPLICE_RELAY_RING_SPLICE_H
#define TAILSPLICE_RELAY_RING_SPLICE_H

#include "relay/half.h"

extern const struct path path_ring_splice;

#endif
