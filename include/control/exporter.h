/* exporter - the edge over HTTP, for machines that watch it: GET /metrics (Prometheus) and GET /health
 * (200, or 503 while it drains). By libmicrohttpd, driven from the main thread's poll(2) and never blocking; the
 * number of clients, their time and their memory are bounded. Nothing can be changed through it. Main thread only. */
#ifndef TAILSPLICE_CONTROL_EXPORTER_H
#define TAILSPLICE_CONTROL_EXPORTER_H

#include <jansson.h>
#include <poll.h>
#include <stdbool.h>

#include "base/addr.h"
#include "base/list.h"
#include "config/model.h"
#include "config/report.h"
#include "edge/edge.h"

struct MHD_Connection;
struct MHD_Daemon;

/* A request for /metrics that waits for the workers. */
struct scrape {
	struct inquiry inquiry;
	struct exporter *exporter;
	struct list node;		   /* of those whose answer is awaited */
	struct MHD_Connection *connection; /* NULL: the client is gone */
	bool asking;			   /* scrape_answer() will come */
	char *text;			   /* the answer, once it is there */
	size_t length;
};

struct exporter {
	struct MHD_Daemon *daemon; /* NULL: it serves nobody */
	struct addr at;
	struct list waiting; /* scrapes */
	/* What /metrics needs: scrape_answer() follows, at once or later. */
	void (*asked)(struct scrape *s);
	bool (*draining)(const struct exporter *e);
	void *owner; /* the caller's */
};

/* Zeroed before; the caller sets asked, draining and owner. */
void exporter_init(struct exporter *e);

/* A change of `metrics` is one step of a reload: bound before anything else changes. *fd: a listening socket; -1: it
 * serves that address already, or there is none to serve. False, with a complaint. */
bool exporter_prepare(const struct exporter *e, const struct global_conf *g, int *fd,
		      struct report *report);

/* From now on that address is served, and no longer the one of before. Takes over the socket. */
void exporter_commit(struct exporter *e, const struct global_conf *g, int fd);

/* One entry for poll(2), or none; how many. */
size_t exporter_poll(const struct exporter *e, struct pollfd *out);

/* Milliseconds until exporter_run() is due whatever poll(2) says; TIMER_NONE: never. */
msec_t exporter_due(const struct exporter *e);
void exporter_run(struct exporter *e);

/* Takes over the reference. */
void scrape_answer(struct scrape *s, json_t *status);

/* When no scrape waits for the workers any more. */
void exporter_close(struct exporter *e);

#endif
