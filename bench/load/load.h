/* load - what one run of the load generator was asked to do.
 * Filled once by load.c from the command line and read-only afterwards; every mode is one function
 * over it and one file of the mode's name. A mode prints one JSON object and returns the exit
 * status. */
#ifndef BENCH_LOAD_H
#define BENCH_LOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LOAD_PIDS 16

struct load {
	const char *host;
	char **ports; /* serve: MODE:PORT each; the clients: one port */
	int nports;
	unsigned conns;
	size_t size;
	double seconds;
	double warmup;
	double patience; /* seconds without progress that count as a failure */
	double rate;	 /* paced: requests a second */
	uint64_t count;	 /* conn: exactly this many attempts; 0: as many as fit in the window */
	unsigned first;	 /* idle: a look at so many connections before all are there; 0: none */
	bool greet;	 /* conn: the server speaks first (SMTP) */
	bool up, down;	 /* bulk: the direction */
	bool verify;
	bool proxy;	     /* serve: every connection starts with a PROXY header */
	int pids[LOAD_PIDS]; /* the proxy's processes */
	int npids;
};

int rr_main(const struct load *l);
int bulk_main(const struct load *l);
int conn_main(const struct load *l);
int idle_main(const struct load *l);
int paced_main(const struct load *l);
int smtp_main(const struct load *l);
int fanout_main(const struct load *l);
int serve_main(const struct load *l);

#endif
