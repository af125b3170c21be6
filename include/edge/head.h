/* head - what a client says before it is known where it leads: the PROXY header of a proxy in front of us, and the first
 * bytes that a route, `expect`, `first-byte` or a TLV needs. Nothing else is ever read here, and nothing at all where
 * none of them asks. What was read is delivered behind our own PROXY header. Used by its own worker only.
 *
 * The ring tells that there is something to read, and it is read at once: a silent client costs no buffer. */
#ifndef TAILSPLICE_EDGE_HEAD_H
#define TAILSPLICE_EDGE_HEAD_H

#include "codec/pp.h"
#include "edge/plan.h"
#include "edge/why.h"
#include "engine/ring.h"

/* The longest PROXY header that is taken, and the most bytes behind it: a ClientHello of 16 KiB with its records. */
#define HEAD_PROXY_MAX 4096
#define HEAD_BYTES_MAX 18432

struct head {
	/* Called once, when no operation is armed any more, and not after head_stop(). */
	void (*done)(struct head *h);
	void *owner;
	/* The answer. */
	enum why why;	    /* WHY_NONE: it may go on */
	size_t route;	    /* the number of the plan's destination */
	struct addr client; /* as the PROXY header says, if one was taken */
	struct pp pp;	    /* that header; version PP_OFF: none */
	size_t proxied;	    /* its length: so many of the bytes */
	uint8_t *bytes;
	size_t used, room;
	/* On the way there. */
	struct op poll;
	struct ring *ring;
	const struct plan_entry *plan;
	const msec_t *now;
	msec_t due;	  /* when patience is over with what is needed */
	msec_t first_due; /* and with silence; TIMER_NONE: never */
	int fd;
	bool must_name, named, ended, watching, stopped;
};

/* Judges without a byte. False: nothing is to be waited for, and *route is the destination's number or ROUTER_NONE. */
bool head_wanted(const struct plan_entry *plan, const struct addr *peer, size_t *route);

/* `now` is the worker's clock; fd and all else is lent. NULL: no memory. */
struct head *head_new(struct ring *ring, const struct plan_entry *plan, int fd,
		      const struct addr *peer, const msec_t *now);

/* done() may be called before it returns: what is there already is read at once. */
void head_start(struct head *h);

/* When head_expire() is due. */
msec_t head_due(const struct head *h);

/* Time is over: done() follows. */
void head_expire(struct head *h);

/* What the client said behind its PROXY header. */
static inline size_t head_rest(const struct head *h)
{
	return h->used - h->proxied;
}

/* Must this peer begin with a PROXY header, since it speaks for others? */
bool head_must_name(const struct plan_entry *plan, const struct addr *peer);

/* Must this client not begin with a PROXY header? Then the relay looks at its first bytes, unless they were read here. */
bool head_forbids_proxy(const struct plan_entry *plan, const struct addr *peer);

/* done() is never called. */
void head_stop(struct head *h);

/* True while the kernel may still answer. */
bool head_busy(const struct head *h);

/* Not while it is busy. Accepts NULL. */
void head_free(struct head *h);

#endif
