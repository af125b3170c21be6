/* sources - how many connections each client has, and how fast it makes new ones. A source is an IPv4 address or the /64
 * an IPv6 address is in; SOURCES_WIDE times as much is the most of one /48. Each group (a listener of the file) counts for
 * itself. Shared by all workers and exact across them: a table in shards, each under a mutex that is held for a search.
 * Memory: an entry for each source that has a flow, and SOURCES_IDLE at most that only have a rate to remember, however many
 * come; the ones that are nearest to be forgiven are forgotten first. */
#ifndef TAILSPLICE_EDGE_SOURCES_H
#define TAILSPLICE_EDGE_SOURCES_H

#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/bits.h"
#include "edge/why.h"

#define SOURCES_WIDE 8
#define SOURCES_IDLE 65536

struct sources_entry;

/* `flows` at a time, `count` new ones at once and then one each `per`/`count` milliseconds: a token bucket. 0: no limit. */
struct source_limits {
	uint64_t flows, count;
	msec_t per;
};

/* NULL when memory is out. */
struct sources *sources_open(void);

/* Accepts NULL. No thread uses it any more. */
void sources_close(struct sources *s);

/* A new flow of that client. WHY_NONE, and *out to be given back, NULL when nothing can be counted (no limits, no address, no
 * memory); or WHY_LIMIT_SOURCE or WHY_LIMIT_RATE, and nothing is held. */
enum why sources_enter(struct sources *s, size_t group, const struct addr *client,
		       const struct source_limits *limits, msec_t now, struct sources_entry **out);

/* The flow has ended. Accepts NULL for the source. */
void sources_leave(struct sources *s, struct sources_entry *source, msec_t now);

/* Entries there are, and of them those without a flow. */
struct sources_size {
	size_t entries, idle;
};
struct sources_size sources_size(struct sources *s);

#endif
