/* dialler - a dial and what it stands on, driven by hand, with a clock that a test may put forward. */
#ifndef TAILSPLICE_TESTS_DIALLER_H
#define TAILSPLICE_TESTS_DIALLER_H

#include "backend/dial.h"

/* The header that is sent, where a test names none. */
#define DIALLER_HEADER "PROXY TCP4 203.0.113.7 192.0.2.1 51234 25\r\n"

struct dialler {
	struct ring *ring;
	struct timers timers;
	struct backend_conf backend; /* may be changed before dialler_start() */
	struct registry registry;
	struct pool pool;
	struct dial_plan plan;
	struct server *server;
	struct choice choices[8];
	size_t nchoices;
	struct dial *dial; /* NULL once it is done */
	msec_t ahead;	   /* its clock is so much ahead */
	msec_t now;	   /* by that clock, in this turn */
	int client;	   /* that is watched; -1: none */
	int fds_before;
	/* What done() said. */
	int calls, fd, error;
	struct addr to;
	bool client_gone;
};

/* There is one for a program. Skips the test where io_uring is not allowed. */
struct dialler *dialler_open(void);

/* Fails the test when a descriptor or a timer is left, or when done() was not called once. */
void dialler_close(struct dialler *d);

void dialler_add(struct dialler *d, struct addr a);

/* With these bytes as the header; dialler_start() with the usual ones. */
void dialler_start_with(struct dialler *d, const char *bytes, size_t len);
void dialler_start(struct dialler *d);

void dialler_turn(struct dialler *d);

/* The same, but no time goes by. */
void dialler_hear(struct dialler *d);

/* As if so many milliseconds had gone by. */
void dialler_skip(struct dialler *d, msec_t ms);

/* Turns until done() was called. */
void dialler_finish(struct dialler *d);

void expect_connected(const struct dialler *d, const struct addr *at);
void expect_failed(const struct dialler *d, int error);

void close_hole(int *hole);

/* Accepts, and reads to the end what was said. */
size_t heard(int listener, char *out, size_t size);

#endif
