/* ledger - what one worker counts: plain numbers, written by that worker alone and copied when
 * somebody asks. Accounts are numbered by the roster, so counts go on over reloads. */
#ifndef TAILSPLICE_EDGE_LEDGER_H
#define TAILSPLICE_EDGE_LEDGER_H

#include <stddef.h>
#include <stdint.h>

#include "edge/why.h"

/* Of a backend: how long its connects took, in a few classes. */
#define LATENCY_CLASSES 11
extern const uint32_t latency_bounds[LATENCY_CLASSES -
				     1]; /* milliseconds, each included; the last class has none */

struct latency {
	uint64_t sum; /* milliseconds */
	uint64_t counts[LATENCY_CLASSES];
};

void latency_note(struct latency *l, uint32_t ms);

/* Of one bound address, or of one backend. */
struct account {
	uint64_t live;	   /* flows now */
	uint64_t accepted; /* flows that began; of a backend: that were connected to it */
	uint64_t refused;  /* why_is_refusal(); of a backend: that never got a connection */
	uint64_t up, down; /* bytes delivered by flows that ended */
	struct latency connects;
};

/* Names a path can have in the log. */
#define LEDGER_PATHS 8

struct ledger {
	struct account *accounts; /* by number */
	size_t count;
	uint64_t accepted, up, down;
	uint64_t ends[WHY_COUNT];
	uint64_t refusals
		[WHY_COUNT]; /* of those, flows that were turned away before a server was reached */
	struct {
		const char *name; /* static */
		uint64_t flows;
	} paths[LEDGER_PATHS]; /* how the flows that ended were moved */
};

void ledger_init(struct ledger *l);
void ledger_finish(struct ledger *l);

/* Room for accounts 0 … count - 1; those that are there stay. */
void ledger_make_room(struct ledger *l, size_t count);

void ledger_count_path(struct ledger *l, const char *name);

#define LEDGER_NO_ACCOUNT SIZE_MAX

/* How a flow ended. */
struct ledger_end {
	size_t listener;
	size_t backend; /* LEDGER_NO_ACCOUNT: none was chosen */
	enum why why;
	uint64_t up, down;
	const char *path; /* NULL: no server was reached */
};

void ledger_settle(struct ledger *l, const struct ledger_end *e);

/* A copy, which the caller finishes. */
void ledger_copy(struct ledger *to, const struct ledger *from);

/* Adds everything of `from`, which may have other accounts. */
void ledger_add(struct ledger *to, const struct ledger *from);

/* Every listening address and every backend there has been, by number. Kept by the main thread. */
struct roster {
	struct roster_entry {
		char *name;    /* of the listener or backend */
		char *address; /* "0.0.0.0:25"; NULL: a backend */
	} * at;
	size_t count;
};

/* The number of that pair, a new one if need be. */
size_t roster_number(struct roster *r, const char *name, const char *address);
void roster_finish(struct roster *r);

#endif
