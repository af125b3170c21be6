/* footprint - what a set of processes holds at one moment: memory of their own, descriptors, pipes; and
 * what the kernel holds, for everybody.
 * User memory is their proportional share of anonymous and shared-anonymous pages: the program's
 * text and libraries are not a connection's cost, but memory that is merely mapped shared is.
 * Kernel memory is the whole machine's: objects of a socket belong to no process. What file systems and
 * new processes use is left out, the rest is for the caller to subtract. */
#ifndef BENCH_FOOTPRINT_H
#define BENCH_FOOTPRINT_H

struct footprint {
	double rss, user;    /* bytes */
	double slabs, pages; /* bytes, the kernel's: objects, and what sockets hold for theirs */
	long fds, pipe_ends;
};

struct footprint footprint_of(const int *pids, int n);

/* Bytes of the kernel's that came since. Each CPU accounts for net.core.mem_pcpu_rsv pages of sockets in advance
 * (include/net/sock.h: sk_memory_allocated_add), so a difference of as much is none. */
double footprint_growth(const struct footprint *since, const struct footprint *now);

#endif
