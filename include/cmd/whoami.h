/* whoami - a backend that tells what it saw: the address the connection came from, and the
 * PROXY header. For trying an edge out, and for its tests. */
#ifndef TAILSPLICE_CMD_WHOAMI_H
#define TAILSPLICE_CMD_WHOAMI_H

#include <stdint.h>

/* Listening sockets on 127.0.0.1 and, where there is IPv6, ::1. port 0: any, the same for none of
 * them. Returns the first, with *count of them in fds, or negative errno. */
int whoami_listen(uint16_t port, int fds[static 2], int *count);

/* Serves a listening socket until the process ends; a thread for each connection. */
void whoami_serve(int fd);

#endif
