/* survey - every port of every server that a configuration leads to, at every address: asked side by side, within a
 * bounded time, and not so fast that a server which counts connections would take it for an attack. */
#ifndef TAILSPLICE_CMD_SURVEY_H
#define TAILSPLICE_CMD_SURVEY_H

#include <stdbool.h>
#include <stddef.h>

#include "backend/advice.h"
#include "backend/interview.h"
#include "backend/tailnet.h"
#include "config/config.h"
#include "edge/plan.h"

#define SURVEY_SETTING 200

/* One port at one address. */
struct spot {
	const struct backend_conf *backend; /* lent, as all that comes from the plan */
	const struct server_conf *server;
	uint16_t port, listen;	      /* the server's; one of ours that leads there */
	char no_address[120];	      /* why the name does not resolve; "": it does */
	size_t machine;		      /* spots of one server share a number */
	char setting[SURVEY_SETTING]; /* where its send-proxy stands: "FILE:LINE" */
	struct interview interview;
	/* After survey_run(). */
	struct advice advice;
	enum gravity gravity;
};

struct survey {
	struct spot *at;
	size_t count;
	struct tailnet_status tailnet;
	bool tailnet_known;
};

/* Resolves names, as the edge does. names: only these backends; none: all. 0, or a negative errno. */
int survey_init(struct survey *s, const struct config *c, const struct plan *plan,
		char *const *names, size_t count);
void survey_finish(struct survey *s);

/* Returns when all is known, or after a minute. */
void survey_run(struct survey *s);

/* The worst of all, for mail: an address that cannot be reached does not matter where another of the same server can. */
enum gravity survey_gravity(const struct survey *s);

#endif
