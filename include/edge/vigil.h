/* vigil - what passing time makes of a flow that relays: idle, half-closed, drained or without a greeting for too long.
 * Traffic only stamps relay.last_moved; here is decided what that means. Used by the flow's worker. */
#ifndef TAILSPLICE_EDGE_VIGIL_H
#define TAILSPLICE_EDGE_VIGIL_H

#include "edge/life.h"

struct vigil {
	enum why why; /* WHY_NONE: it goes on; otherwise it is over */
	bool reset;   /* somebody may lose bytes by it, and must not take them for all there are */
	msec_t due;   /* of the next look, while it goes on */
};

struct vigil vigil_look(struct flow *f, msec_t now);

#endif
