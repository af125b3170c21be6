/* ring - one worker's io_uring: the only file that knows liburing.
 * A ring is opened, used and closed by one thread (IORING_SETUP_SINGLE_ISSUER).
 *
 * An operation lives inside its owner as a struct op. Its result arrives only through
 * `done`, from ring_dispatch(), never from the call that starts it. `armed` is set and cleared
 * here alone: while it is true the kernel may still answer, so the owner must stay where it is.
 * Starting cannot fail for want of a slot: a full queue is submitted first. */
#ifndef TAILSPLICE_ENGINE_RING_H
#define TAILSPLICE_ENGINE_RING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/bits.h"

struct ring;

struct op {
	/* res: bytes, a descriptor, a poll mask, or negative errno (io_uring_enter(2)). */
	void (*done)(struct op *op, int res);
	bool armed; /* false in done() when no further result follows */
};

/* 0, or negative errno of io_uring_setup(2); ring_explain() has the words for it. */
int ring_open(struct ring **out);
void ring_close(struct ring *r);

/* What to tell the operator when ring_open() failed: which mechanism forbids io_uring, and
 * the remedy. One line, no newline. */
void ring_explain(int error, char *text, size_t size);

/* Space-separated names of the set-up flags this kernel accepted. Valid as long as the ring. */
const char *ring_features(const struct ring *r);

/* True when this kernel offers IORING_OP_SPLICE. */
bool ring_can_splice(const struct ring *r);

/* Submits what was started, and returns. */
void ring_submit(struct ring *r);

/* Submits what was started, and waits until a result is there or `wait` milliseconds passed
 * (TIMER_NONE: no limit). */
void ring_wait(struct ring *r, msec_t wait);

/* Of results that are there. */
unsigned ring_results(const struct ring *r);

/* Calls done() for every result that is there. */
void ring_dispatch(struct ring *r);

/* Accepts again and again (multishot) or once; each result is a new descriptor (close-on-exec, blocking).
 * Ends by itself on an error. io_uring_prep_multishot_accept(3) */
void ring_accept(struct ring *r, struct op *op, int fd, bool multishot);

/* The descriptor must be blocking: with O_NONBLOCK the kernel answers EINPROGRESS at once. */
void ring_connect(struct ring *r, struct op *op, int fd, const struct addr *to);

/* The same, then sends all of buf in the same chain; when the connect fails the send ends with
 * -ECANCELED. `to` and buf stay valid until both ended. */
void ring_connect_send(struct ring *r, struct op *connect, struct op *send, int fd,
		       const struct addr *to, const void *buf, size_t len);

void ring_send(struct ring *r, struct op *op, int fd, const void *buf, size_t len);

/* Sends what goes without waiting, when it is submitted: no operation is left in flight, `armed` stays as it is. done() is
 * called only when not all of buf was sent, with the bytes that were or negative errno, from ring_settle() or
 * ring_dispatch(). op and buf stay valid until ring_settle() answers true. */
void ring_send_now(struct ring *r, struct op *op, int fd, const void *buf, size_t len);

/* After ring_wait(): results of ring_send_now() come before all others. True: it is known how each of them ended, those that
 * were not told sent all. False: the kernel has not taken all yet, or not delivered all results; ask again after the next
 * ring_wait(). */
bool ring_settle(struct ring *r);

/* At most len bytes; 0 is the end of the stream. */
void ring_recv(struct ring *r, struct op *op, int fd, void *buf, size_t len);

/* Each readiness is a result with its poll(2) mask, until it is cancelled or the kernel ends
 * it (then `armed` is false in done(): arm it again). Edge-triggered: each event once. */
void ring_poll(struct ring *r, struct op *op, int fd, unsigned events);

/* The same once: a readiness that there is now is a result, too. */
void ring_poll_once(struct ring *r, struct op *op, int fd, unsigned events);

/* IORING_OP_SPLICE, always non-blocking, executed by a kernel worker thread. Neither descriptor
 * may be closed before it ended: the kernel looks the input up when the worker runs. */
void ring_splice(struct ring *r, struct op *op, int in, int out, size_t len);

/* The operation ends soon, with -ECANCELED or its own result. Harmless when not armed. */
void ring_cancel(struct ring *r, struct op *op);

/* Closes after what was started before it has been submitted. */
void ring_close_fd(struct ring *r, int fd);

#endif
