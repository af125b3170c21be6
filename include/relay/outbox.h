/* outbox - small messages that leave together, in the turn's one io_uring_enter(2).
 * send(2) wakes who waits for the bytes, and on a busy core he goes on at once, in our place: with a call for each message that
 * is a change of threads for each. Together they wake everybody first (figures: bench/results/experiments.md).
 *
 * A half that posted is `posted` until outbox_settle(): so long nothing else may write to its destination. What did not
 * leave whole is held (held.h) from then on, and the relay is on host->runnable.
 * Used by its own worker only. */
#ifndef TAILSPLICE_RELAY_OUTBOX_H
#define TAILSPLICE_RELAY_OUTBOX_H

#include "relay/half.h"

/* A message that is longer fills the caches of others' and is sent at once. */
#define OUTBOX_MOST 4096

/* NULL: no memory. The ring must be closed first: it may still have to read what was posted. */
struct outbox *outbox_open(void);
void outbox_close(struct outbox *o);

/* Room for a message to be read into, at most *room bytes; NULL: full, send without it. */
uint8_t *outbox_room(struct outbox *o, size_t *room);

/* Posts the first n bytes of that room, 1 to OUTBOX_MOST, and counts them as moved. */
void outbox_post(struct relay *r, struct half *h, size_t n);

/* What was posted leaves now: something that takes long comes next. */
void outbox_push(struct relay_host *host);

/* To be called right after ring_wait(), before anything is driven. */
void outbox_settle(struct relay_host *host);

/* The relay ends. What it posted leaves before its descriptors are closed, and nobody hears how. */
void outbox_forget(struct relay *r);

#endif
