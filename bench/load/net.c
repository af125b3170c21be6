#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "net.h"

static void set(int fd, int level, int name, int value)
{
	if (setsockopt(fd, level, name, &value, sizeof(value)))
		err(1, "setsockopt");
}

struct peer_addr net_addr(const char *host, const char *port)
{
	struct addrinfo hints = { .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV,
				  .ai_socktype = SOCK_STREAM };
	struct peer_addr a = { .len = 0 };
	struct addrinfo *found;
	int why = getaddrinfo(host, port, &hints, &found);

	if (why)
		errx(1, "%s port %s: %s", host, port, gai_strerror(why));
	memcpy(&a.addr, found->ai_addr, found->ai_addrlen);
	a.len = found->ai_addrlen;
	freeaddrinfo(found);
	return a;
}

int net_listen(const struct peer_addr *a)
{
	int fd = socket(a->addr.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		err(1, "socket");
	set(fd, SOL_SOCKET, SO_REUSEADDR, 1);
	/* Inherited by what is accepted, which saves a call for each connection. */
	set(fd, IPPROTO_TCP, TCP_NODELAY, 1);
	if (bind(fd, (const struct sockaddr *)&a->addr, a->len) || listen(fd, 4096))
		err(1, "listen");
	return fd;
}

int net_connect(const struct peer_addr *a, double patience)
{
	struct timeval limit = { .tv_sec = (time_t)patience };
	int fd = socket(a->addr.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	limit.tv_usec = (suseconds_t)((patience - (double)limit.tv_sec) * 1e6);
	if (fd < 0)
		err(1, "socket");
	set(fd, IPPROTO_TCP, TCP_NODELAY, 1);
	if (setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit)) ||
	    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)))
		err(1, "setsockopt");
	if (connect(fd, (const struct sockaddr *)&a->addr, a->len))
		err(1, "connect");
	return fd;
}

int net_begin(const struct peer_addr *a)
{
	int fd = socket(a->addr.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int why;

	if (fd < 0)
		return -errno;
	set(fd, IPPROTO_TCP, TCP_NODELAY, 1);
	if (connect(fd, (const struct sockaddr *)&a->addr, a->len) == 0 || errno == EINPROGRESS)
		return fd;
	why = errno;
	close(fd);
	return -why;
}

void net_nonblocking(int fd)
{
	if (fcntl(fd, F_SETFL, O_NONBLOCK))
		err(1, "fcntl");
}

void net_reset(int fd)
{
	struct linger now = { .l_onoff = 1, .l_linger = 0 };

	setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	close(fd);
}

void net_watch(int ep, int op, int fd, uint32_t events, void *owner)
{
	struct epoll_event e = { .events = events, .data.ptr = owner };

	if (epoll_ctl(ep, op, fd, &e))
		err(1, "epoll_ctl");
}

int net_join(int ep, const struct peer_addr *a, double patience, uint32_t events, void *owner)
{
	int fd = net_connect(a, patience);

	net_nonblocking(fd);
	net_watch(ep, EPOLL_CTL_ADD, fd, events, owner);
	return fd;
}

int net_await(int ep, struct epoll_event *ev, int most, double patience, const char *mode)
{
	int n = epoll_wait(ep, ev, most, (int)(patience * 1000));

	if (n == 0)
		errx(1, "%s: nothing came for %g s", mode, patience);
	return n;
}
