/* half - what a relay is made of: two legs, two halves, and the path that moves a half's bytes.
 * Plain data for relay.c, held.c and the paths; everybody else sees relay.h. */
#ifndef TAILSPLICE_RELAY_HALF_H
#define TAILSPLICE_RELAY_HALF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bits.h"
#include "base/list.h"
#include "engine/pipes.h"
#include "engine/ring.h"
#include "engine/timer.h"

enum side { CLIENT, SERVER };

enum relay_end {
	RELAY_CLOSED,  /* both halves ended and were delivered */
	RELAY_REFUSED, /* host->refuses() the client's first bytes: none of them was passed on */
	RELAY_BROKEN,  /* a leg failed: relay_broken_side() tells which */
	RELAY_FAILED,  /* we could not go on (memory) */
};

struct relay;
struct carrier;
struct carriage;
struct sockmap_worker;
struct marks;
struct outbox;

/* What a worker lends to all its relays. */
struct relay_host {
	struct ring *ring;
	struct pipes *pipes;
	struct outbox *outbox;
	struct marks *marks;
	struct timers *timers;
	size_t worker;			/* its number */
	struct sockmap_worker *sockmap; /* NULL until a relay needs it */
	uint8_t *buffer;		/* one for all: nothing stays in it between two calls */
	size_t buffer_size;
	msec_t now;	      /* of this turn */
	unsigned results;     /* of the ring that this turn began with */
	uint64_t bulk;	      /* bytes of large moves, ever */
	struct list runnable; /* relays that spent their share of the turn */
	/* Of a relay that was told to look: > 0: these first bytes of the client may not pass; < 0: they may;
	 * 0: more are needed to tell. NULL where none is told to. */
	int (*refuses)(const uint8_t *bytes, size_t n);
	void (*ended)(struct relay *r,
		      enum relay_end end); /* called once, then call relay_close() */
};

enum pump {
	PUMP_DRY,	 /* the source has nothing more now */
	PUMP_FULL,	 /* the destination takes no more now */
	PUMP_MORE,	 /* its share of this turn is spent */
	PUMP_BUSY,	 /* the kernel is at work; relay_landed() or relay_again() follows */
	PUMP_EOF,	 /* the source ended and nothing is held */
	PUMP_SRC_FAILED, /* reset, timed out */
	PUMP_DST_FAILED,
	PUMP_FAILED, /* no memory */
};

enum half_state { HALF_OPEN, HALF_SHUT };

struct rest;
struct flight;

/* Bytes going one way. At most one of rest and pipe holds bytes, and what is held leaves before
 * anything else is read, whatever the path does next: nothing can overtake. */
struct half {
	uint64_t moved;	       /* bytes the destination's socket took */
	struct rest *rest;     /* what a short send left */
	struct pipe *pipe;     /* borrowed while it holds bytes */
	struct flight *flight; /* ring-splice: its operation */
	uint8_t state;
	bool readable;	     /* the source may have bytes or its end */
	bool to_end;	     /* the source ended or failed: read until it says so */
	bool writable;	     /* room was reported since the last attempt */
	bool blocked;	     /* waits for room */
	bool busy;	     /* PUMP_BUSY was the answer */
	bool posted;	     /* in the outbox: nothing else may be written to the destination */
	bool lost;	     /* no memory for what the outbox could not send */
	bool bulk;	     /* auto: splice rather than copy */
	uint8_t streak;	     /* auto: small moves in a row */
	bool unlooked;	     /* the last read may have stopped at a mark */
	uint16_t mark_place; /* where marks.c keeps it, counted from 1 */
};

struct leg {
	struct op poll; /* bytes, ends and failures */
	struct op room; /* once the half towards it was blocked */
	int fd;
	bool server;	  /* it is leg[SERVER] */
	bool nonblocking; /* O_NONBLOCK is set, as splice(2) needs it */
	bool failed;
	bool quiet; /* bytes that arrive are the kernel's, which carries them */
};

struct relay {
	struct relay_host *host;
	const struct path *path;
	struct leg leg[2];
	struct half half[2]; /* half[CLIENT]: client → server (up) */
	struct list runnable;
	msec_t last_moved;
	uint8_t last_from; /* the side whose bytes moved last */
	uint8_t first_end; /* the side whose end of stream came first, when `one_ended` */
	uint8_t broken_side;
	bool one_ended, closing, ended, spliced, carried, looking;
	struct carriage *carriage; /* the path's, while the kernel carries */
};

struct path {
	const char *name;
	const char *help; /* a few words for `tailsplice paths` */
	/* For the log, where it depends on what was done; NULL: name. */
	const char *(*used)(const struct relay *r);
	/* Moves what can be moved. Called only when no flight is out. */
	enum pump (*pump)(struct relay *r, struct half *h);
	/* NULL, or why this path cannot be used here. Asked once per process. */
	const char *(*missing)(const struct ring *ring);
	const struct carrier *carrier; /* NULL: bytes are moved by pump alone */
};

/* Before the next turn waits, relay_resume() drives it. */
static inline void run_soon(struct relay *r)
{
	if (list_empty(&r->runnable))
		list_add(&r->host->runnable, &r->runnable);
}

/* For the paths: the two ends of a half. */
static inline struct leg *half_src(struct relay *r, const struct half *h)
{
	return &r->leg[h - r->half];
}

static inline struct leg *half_dst(struct relay *r, const struct half *h)
{
	return &r->leg[h == &r->half[CLIENT] ? SERVER : CLIENT];
}

#endif
