/* sockmap_socket - what TCP counts on a socket, as far as the path sockmap goes by it. linux/tcp.h */
#ifndef TAILSPLICE_RELAY_SOCKMAP_SOCKET_H
#define TAILSPLICE_RELAY_SOCKMAP_SOCKET_H

#include <stdbool.h>
#include <stdint.h>

/* SO_COOKIE: names a socket for ever. */
bool socket_cookie(int fd, uint64_t *out);

/* Bytes that were ever written to it, in the kernel or by us; never more than there are. Its own SYN counts
 * as one: only differences mean something. */
uint64_t socket_written(int fd);

/* A TCP_NOTSENT_LOWAT (tcp(7)), the system's or its own, ends sending before a send buffer is full; what the
 * kernel has queued for the socket would stand still. */
void socket_lift_lowat(int fd);

/* Bytes that ever arrived in order; an end of stream counts as one. */
uint64_t socket_received(int fd);

/* Bytes of them that were read before. False: it cannot be told, or a segment may have been read in
 * part: the kernel would send it whole. */
bool socket_consumed(int fd, uint64_t *out);

#endif
