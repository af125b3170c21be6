/* rig - relays between real TCP sockets, driven by hand as a worker would.
 * The test holds the peers' ends; the relay holds the two legs. */
#ifndef TAILSPLICE_TESTS_RIG_H
#define TAILSPLICE_TESTS_RIG_H

#include "engine/ring.h"
#include "relay/paths.h"
#include "relay/relay.h"

#define RIG_BUFFER 65536
#define RIG_LINKS  2

struct rig {
	struct relay_host host;
	struct pipes pipes;
	struct timers timers;
	struct link *links[RIG_LINKS]; /* those that are open */
	int fds_before;
	uint8_t buffer[RIG_BUFFER];
};

struct link {
	struct relay relay;
	int peer[2]; /* by enum side: who talks to that leg; -1 when closed */
	bool ended;
	enum relay_end how;
};

static inline enum side other(enum side s)
{
	return s == CLIENT ? SERVER : CLIENT;
}

/* The paths that can be used on this kernel: for (size_t i = 0; (p = rig_path(g, &i));) */
const struct path *rig_path(const struct rig *g, size_t *i);

/* pipes: the budget. Skips the test where io_uring is not allowed. */
struct rig *rig_open(size_t pipes);

/* Fails the test when a descriptor or a pipe is left. All links must be closed. */
void rig_close(struct rig *g);

/* One turn: submit, wait up to `wait`, results, then those that had spent their share; what has
 * ended is reaped. */
void rig_turn(struct rig *g, msec_t wait);

/* Turns until nothing happens for some milliseconds. */
void rig_settle(struct rig *g);

void link_open(struct rig *g, struct link *l, const struct path *path);

/* The same, after the client began like that. */
void link_open_with(struct rig *g, struct link *l, const struct path *path,
		    const struct relay_opening *o);

/* The same with all four socket buffers small, so that a slow reader shows soon. */
void link_open_narrow(struct rig *g, struct link *l, const struct path *path);

/* Turns until the relay ended. */
bool link_ended(struct rig *g, struct link *l);

/* Turns until the relay counts `n` bytes from that side, and fails the test if it never does: a peer
 * may have them before the kernel's thread has told that it moved them. */
void link_counts(struct rig *g, struct link *l, enum side from, uint64_t n, const char *label);

/* Closes the peers, ends the relay if it still runs, and turns until nothing is left of it. */
void link_close(struct rig *g, struct link *l);

/* Bytes of one direction: each depends on its place, so loss, repetition and disorder show. */
struct stream {
	const char *label;
	unsigned seed;
	uint64_t sent, got;
	bool broken; /* a wrong byte came */
};

/* Sends or takes up to n bytes without waiting; the number, 0 at the end of stream, or -errno. */
ssize_t stream_push(struct stream *s, int fd, size_t n);
ssize_t stream_pull(struct stream *s, int fd, size_t n);

/* Turns and pulls until `total` arrived or the stream ended: 0, 1 at an end of stream, -errno. */
int stream_pull_all(struct stream *s, struct rig *g, int fd, uint64_t total);

#endif
