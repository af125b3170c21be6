/* tailnet_pulse - which nodes take packets and answer none: what `online` does not tell. WireGuard counts both ways; a node to
 * which something was sent and nothing came back for a while is silent, until something does come. Pure; one thread. */
#ifndef TAILSPLICE_BACKEND_TAILNET_PULSE_H
#define TAILSPLICE_BACKEND_TAILNET_PULSE_H

#include "backend/tailnet_status.h"
#include "base/bits.h"

/* Milliseconds between the first and the last packet that got no answer. One packet is no sign: an
 * acknowledgement gets none. */
#define TAILNET_SILENCE 1000

struct tailnet_pulse {
	struct addr at; /* the node's first address: a new node has a new one */
	uint64_t rx, tx;
	msec_t first, last; /* packets sent since it answered; 0: none */
	msec_t came;	    /* 0: it was there when we came */
};

struct tailnet_pulses {
	struct tailnet_pulse *at;
	size_t count;
};

/* Compares with the status before. */
void tailnet_pulses_take(struct tailnet_pulses *p, const struct tailnet_status *s, msec_t now);

bool tailnet_pulses_silent(const struct tailnet_pulses *p, const struct tailnet_node *n);

/* When that node came; 0: it was there before, or is not known. */
msec_t tailnet_pulses_came(const struct tailnet_pulses *p, const struct tailnet_node *n);

void tailnet_pulses_finish(struct tailnet_pulses *p);

#endif
