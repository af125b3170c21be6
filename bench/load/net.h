/* net - the few socket calls that several modes need.
 * Addresses are literals, v4 or v6. What fails here fails the whole run (err(3)), but for
 * net_begin(), whose caller counts failures. */
#ifndef BENCH_NET_H
#define BENCH_NET_H

#include <stdint.h>
#include <sys/epoll.h>
#include <sys/socket.h>

struct peer_addr {
	struct sockaddr_storage addr;
	socklen_t len;
};

struct peer_addr net_addr(const char *host, const char *port);
int net_listen(const struct peer_addr *a);

/* Connected and blocking, giving up on any single call after this many seconds. */
int net_connect(const struct peer_addr *a, double patience);

/* A non-blocking connection attempt: the descriptor, or a negative errno and nothing left open. */
int net_begin(const struct peer_addr *a);

void net_nonblocking(int fd);

/* Ends the connection with a reset, so that neither side keeps a TIME_WAIT. */
void net_reset(int fd);

/* To an epoll set, with the owner that its events concern. */
void net_watch(int ep, int op, int fd, uint32_t events, void *owner);

/* Connected, non-blocking, and in that set. */
int net_join(int ep, const struct peer_addr *a, double patience, uint32_t events, void *owner);

/* Events, at least one: how many. To wait longer than the patience (seconds) ends the run, in that mode's name. */
int net_await(int ep, struct epoll_event *ev, int most, double patience, const char *mode);

#endif
