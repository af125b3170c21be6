/* footprint - what a set of processes holds at one moment: memory of their own, descriptors, pipes.
 * User memory is their proportional share of anonymous and shared-anonymous pages: the program's
 * text and libraries are not a connection's cost, but memory that is merely mapped shared is. */
#ifndef BENCH_FOOTPRINT_H
#define BENCH_FOOTPRINT_H

struct footprint {
	double rss, user; /* bytes */
	long fds, pipe_ends;
};

struct footprint footprint_of(const int *pids, int n);

#endif
