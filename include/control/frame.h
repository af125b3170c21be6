/* frame - one picture of `status --watch`: what the edge said last, and how it went before. Pure but for
 * the FILE it is printed to; any thread. */
#ifndef TAILSPLICE_CONTROL_FRAME_H
#define TAILSPLICE_CONTROL_FRAME_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/bits.h"
#include "control/client.h"

/* What is remembered of each rate: one a second. */
#define FRAME_HISTORY 60

enum frame_rate { FRAME_CONNECTIONS, FRAME_UP, FRAME_DOWN, FRAME_RATES };

struct frame {
	json_t *status, *conns;	  /* the last answers, owned; NULL: none yet */
	char trouble[CLIENT_WHY]; /* why there is no newer one; "": nothing */
	msec_t at;		  /* when it came */
	uint64_t pid, totals[FRAME_RATES];
	double history[FRAME_RATES][FRAME_HISTORY]; /* a second's; the newest first */
	size_t known;				    /* of them */
	bool bold, blocks; /* the terminal may show bold; it shows U+2581 and so on */
};

/* What the edge said at `now`; takes over the references. */
void frame_take(struct frame *f, json_t *status, json_t *conns, msec_t now);

/* At most `rows` lines (0: any number), none wider than `columns`. */
void frame_print(const struct frame *f, FILE *to, size_t rows, size_t columns);

void frame_finish(struct frame *f);

#endif
