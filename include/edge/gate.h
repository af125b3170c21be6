/* gate - what is known of a listener of the file over all its addresses, all workers and all reloads: its number, its
 * flows and how many there may be. Made by the main thread and never freed while workers run; its parts may be used
 * by any thread. */
#ifndef TAILSPLICE_EDGE_GATE_H
#define TAILSPLICE_EDGE_GATE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#include "edge/admit.h"

struct gate {
	char *name;
	size_t number; /* counted from 0 */
	struct admit admit;
	atomic_bool guard_said; /* the log told of a client whose address is none */
};

struct gates {
	struct gate **at;
	size_t count;
};

/* That of the listener of that name, a new one if need be. */
struct gate *gate_of(struct gates *gates, const char *name);
void gates_finish(struct gates *gates);

/* A place in all and at the gate, or none. Here and below a gate of NULL has no limit. */
bool gate_enter(struct gate *gate, struct admit *all);
void gate_leave(struct gate *gate, struct admit *all);

/* Places left now. */
size_t gate_room(const struct gate *gate, const struct admit *all);

/* A listener paused, since there is no place in all or at the gate. */
void gate_strain(struct gate *gate, struct admit *all);

#endif
