/* fds - descriptors: how many there are, and short ways to make and use them. What cannot fail
 * on a sane machine ends the test when it does. */
#ifndef TAILSPLICE_TESTS_FDS_H
#define TAILSPLICE_TESTS_FDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/addr.h"

/* Open descriptors of this process now. */
int fds_count(void);

/* Lowers the soft RLIMIT_NOFILE and opens what is below it: nothing more can be opened then. */
void fds_exhaust(void);

void fd_nonblocking(int fd);
void fd_set_option(int fd, int level, int name, int value);
int fd_get_option(int fd, int level, int name);

/* Waits up to a few seconds until fd is readable (or at its end). */
bool fd_wait(int fd);

/* Reads what is there, without waiting; -1 as read(2). */
ssize_t fd_read(int fd, void *buffer, size_t size);

/* Reads until the end of stream, or `size`, or an error, waiting for each piece; returns the bytes
 * and puts the errno of the error, or 0, into *error. */
size_t fd_read_all(int fd, void *buffer, size_t size, int *error);

/* close(2) that sends RST. */
void fd_reset(int fd);

/* 127.0.0.1, or ::1. */
struct addr loopback(int family, uint16_t port);

/* A listening socket on a free port of loopback; *at is where. -1 when the family is missing. */
int tcp_listen(int family, int backlog, struct addr *at);

/* A port of loopback where nobody listens. */
struct addr tcp_closed(void);

/* A listener that answers no connection request any more: its queue is full. fd[0] is the listener, the
 * rest what fills it; close all. */
enum { HOLE_FDS = 4 };
struct addr tcp_black_hole(int fd[static HOLE_FDS]);

/* A connection to there, blocking. */
int tcp_connect(const struct addr *to);

/* Two connected sockets. */
void tcp_pair(int fd[static 2]);

#endif
