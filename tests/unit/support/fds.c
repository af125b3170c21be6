#include "fds.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "../check.h"

#define PATIENCE 5000

int fds_count(void)
{
	DIR *dir = opendir("/proc/self/fd");
	int count = 0;

	cr_assert(dir, "/proc is needed");
	while (readdir(dir))
		count++;
	closedir(dir);
	return count;
}

void fds_exhaust(void)
{
	struct rlimit limit;

	getrlimit(RLIMIT_NOFILE, &limit);
	limit.rlim_cur = 64;
	setrlimit(RLIMIT_NOFILE, &limit);
	while (dup(0) >= 0)
		;
	cr_assert(errno == EMFILE);
}

void fd_nonblocking(int fd)
{
	fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
}

void fd_set_option(int fd, int level, int name, int value)
{
	cr_assert(setsockopt(fd, level, name, &value, sizeof(value)) == 0, "%s", strerror(errno));
}

int fd_get_option(int fd, int level, int name)
{
	socklen_t len = sizeof(int);
	int value = -1;

	cr_assert(getsockopt(fd, level, name, &value, &len) == 0, "%s", strerror(errno));
	return value;
}

bool fd_wait(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	return poll(&p, 1, PATIENCE) == 1;
}

ssize_t fd_read(int fd, void *buffer, size_t size)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	if (poll(&p, 1, 0) != 1) {
		errno = EAGAIN;
		return -1;
	}
	return read(fd, buffer, size);
}

size_t fd_read_all(int fd, void *buffer, size_t size, int *error)
{
	size_t used = 0;
	ssize_t n = 1;

	*error = 0;
	while (used < size && n > 0) {
		n = -1;
		errno = ETIMEDOUT;
		if (fd_wait(fd))
			n = read(fd, (char *)buffer + used, size - used);
		if (n > 0)
			used += (size_t)n;
	}
	if (n < 0)
		*error = errno;
	return used;
}

void fd_reset(int fd)
{
	const struct linger now = { .l_onoff = 1, .l_linger = 0 };

	cr_assert(setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now)) == 0);
	close(fd);
}

struct addr loopback(int family, uint16_t port)
{
	struct addr a;

	addr_parse(&a, family == AF_INET ? "127.0.0.1" : "::1", port);
	return a;
}

int tcp_listen(int family, int backlog, struct addr *at)
{
	int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	socklen_t len = sizeof(at->v6);

	*at = loopback(family, 0);
	if (fd >= 0 && bind(fd, &at->sa, addr_len(at)) == 0 && listen(fd, backlog) == 0 &&
	    getsockname(fd, &at->sa, &len) == 0)
		return fd;
	close(fd);
	return -1;
}

/* Free on every address of both families, now. */
static bool port_is_free(uint16_t port)
{
	struct addr any4 = { .v4.sin_family = AF_INET }, any6 = { .v6.sin6_family = AF_INET6 };
	int fd4 = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int fd6 = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;
	bool ok;

	addr_set_port(&any4, port);
	addr_set_port(&any6, port);
	setsockopt(fd6, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
	ok = bind(fd4, &any4.sa, addr_len(&any4)) == 0 &&
	     (fd6 < 0 || bind(fd6, &any6.sa, addr_len(&any6)) == 0);
	close(fd4);
	close(fd6);
	return ok;
}

/* Below the ports that the kernel gives to clients: those of other tests come and go. */
struct addr tcp_closed(void)
{
	static unsigned seed;
	uint16_t port;

	if (!seed)
		seed = (unsigned)getpid() * 7919u ^ (unsigned)time(NULL);
	do
		port = (uint16_t)(10000 + rand_r(&seed) % 20000);
	while (!port_is_free(port));
	return loopback(AF_INET, port);
}

struct addr tcp_black_hole(int fd[static HOLE_FDS])
{
	struct addr at;

	fd[0] = tcp_listen(AF_INET, 0, &at);
	for (int i = 1; i < HOLE_FDS; i++) {
		fd[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
		connect(fd[i], &at.sa, addr_len(&at));
	}
	return at;
}

int tcp_connect(const struct addr *to)
{
	int fd = socket(to->sa.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	cr_assert(fd >= 0 && connect(fd, &to->sa, addr_len(to)) == 0, "connect: %s",
		  strerror(errno));
	return fd;
}

void tcp_pair(int fd[static 2])
{
	struct addr at;
	int listener = tcp_listen(AF_INET, 1, &at);

	cr_assert(listener >= 0);
	fd[0] = tcp_connect(&at);
	fd[1] = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	cr_assert(fd[1] >= 0);
	close(listener);
}
