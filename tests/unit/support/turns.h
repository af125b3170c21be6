/* turns - a worker's turn, done by hand: for tests of what lives on a ring. */
#ifndef TAILSPLICE_TESTS_TURNS_H
#define TAILSPLICE_TESTS_TURNS_H

#include <stdbool.h>

#include "engine/ring.h"

/* A ring; skips the test where io_uring is not allowed. */
struct ring *ring_of_test(void);

/* Turns until `done`, for a few seconds at most; false when it was not. */
bool turn_until(struct ring *r, bool (*done)(void *arg), void *arg);

/* So many milliseconds of turns. */
void turn_for(struct ring *r, msec_t ms);

/* An operation that remembers what it was told. */
struct told {
	struct op op;
	int count, last;
};

#define TOLD ((struct told){ .op.done = told_done })
void told_done(struct op *op, int res);

/* Turns until it was told at least `count` times. */
bool turn_until_told(struct ring *r, const struct told *t, int count);

#endif
