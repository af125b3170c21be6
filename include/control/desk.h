/* desk - what the main thread keeps beside the edge itself: the file, the bans, and what there
 * is to tell about reloads. Used by the main thread only. */
#ifndef TAILSPLICE_CONTROL_DESK_H
#define TAILSPLICE_CONTROL_DESK_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include "control/exporter.h"
#include "control/sessions.h"
#include "edge/bans.h"
#include "edge/edge.h"

struct desk {
	struct edge edge;
	struct inherited_list inherited;
	struct sessions sessions;
	struct exporter exporter;
	struct bans bans;
	const char *file; /* NULL: the configuration came with the program */
	char user[64];	  /* we run as */
	msec_t started;
	time_t since, loaded; /* wall clock: of the start, of the configuration in force */
	uint64_t reloads, failed_reloads;
	char *last_error; /* of the last reload, when it failed */
	bool draining;
	/* The totals of a moment ago: what rates are told from. */
	struct {
		msec_t at;
		uint64_t accepted, up, down;
	} sample;
};

/* Puts a configuration into force, the first one or a reload's: as edge_configure(), and what the main thread serves
 * itself. Takes over both. False, with complaints: then nothing has changed. */
bool desk_configure(struct desk *d, struct config *c, struct plan *plan, struct edge_change *change,
		    struct report *report);

#endif
