#include "edge/inherited.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"

#ifdef HAVE_LIBSYSTEMD

#include <systemd/sd-daemon.h>

#define FIRST SD_LISTEN_FDS_START

static int listen_fds(char ***names)
{
	return sd_listen_fds_with_names(1, names);
}

#else

#define FIRST 3

/* A number as the manager writes it; -1: it is none. */
static long read_number(const char *text)
{
	char *end;
	long n;

	if (!text || *text < '0' || *text > '9')
		return -1;
	errno = 0;
	n = strtol(text, &end, 10);
	return errno || *end ? -1 : n;
}

/* One name for each descriptor, or -EINVAL. NULL-terminated, the caller's. */
static int split_names(const char *text, long count, char ***names)
{
	long n = 0;

	*names = memory_zeroed((size_t)count + 1, sizeof(**names));
	for (; n < count; n++) {
		size_t len = text ? strcspn(text, ":") : 7;

		(*names)[n] = memory_text(text ? text : "unknown", len);
		if (text && !text[len])
			return n + 1 == count ? (int)count : -EINVAL;
		text = text ? text + len + 1 : NULL;
	}
	return text ? -EINVAL : (int)count;
}

/* sd_listen_fds(3), by hand. */
static int listen_fds(char ***names)
{
	long count = read_number(getenv("LISTEN_FDS")), fd;

	if (read_number(getenv("LISTEN_PID")) != getpid() || !getenv("LISTEN_FDS"))
		count = 0;
	else if (count < 0 || count > sysconf(_SC_OPEN_MAX))
		count = -EINVAL;
	for (fd = FIRST; count > 0 && fd < FIRST + count; fd++)
		if (fcntl((int)fd, F_SETFD, FD_CLOEXEC) < 0)
			count = -errno;
	if (count > 0)
		count = split_names(getenv("LISTEN_FDNAMES"), count, names);
	unsetenv("LISTEN_PID");
	unsetenv("LISTEN_FDS");
	unsetenv("LISTEN_FDNAMES");
	return (int)count;
}

#endif

static int get_option(int fd, int level, int option)
{
	int value = -1;
	socklen_t size = sizeof(value);

	return getsockopt(fd, level, option, &value, &size) < 0 ? -1 : value;
}

/* NULL when the socket can be a listener; else what is wrong and what to do. */
static const char *judge(int fd, struct addr *at)
{
	struct sockaddr_storage name = { 0 };
	socklen_t size = sizeof(name);
	int type = get_option(fd, SOL_SOCKET, SO_TYPE);

	if (type < 0)
		return "it is no socket; give TCP sockets only, by ListenStream=PORT";
	if (getsockname(fd, (struct sockaddr *)&name, &size) == 0)
		addr_from_sockaddr(at, (struct sockaddr *)&name);
	if (at->sa.sa_family == AF_UNSPEC)
		return "it is neither IPv4 nor IPv6; write ListenStream=PORT or ADDRESS:PORT";
	if (type != SOCK_STREAM || get_option(fd, SOL_SOCKET, SO_PROTOCOL) == IPPROTO_SCTP)
		return "it is not TCP; write ListenStream=, and no SocketProtocol=";
	if (get_option(fd, SOL_SOCKET, SO_ACCEPTCONN) != 1)
		return "it is a connection, not a listening socket; write Accept=no";
	return NULL;
}

static bool take(struct inherited_list *out, int fd, const char *name, struct report *report)
{
	struct inherited i = { .fd = fd };
	const char *wrong = judge(fd, &i.at);

	if (wrong) {
		report_add(report, 0, "descriptor %d ('%.64s') from the socket unit: %s", fd, name,
			   wrong);
		close(fd);
		return false;
	}
	snprintf(i.name, sizeof(i.name), "%s", name);
	i.v6only = i.at.sa.sa_family == AF_INET6 && get_option(fd, IPPROTO_IPV6, IPV6_V6ONLY) == 1;
	out->at = memory_grow(out->at, out->count, sizeof(*out->at));
	out->at[out->count++] = i;
	return true;
}

bool inherited_take(struct inherited_list *out, struct report *report)
{
	char **names = NULL;
	int count = listen_fds(&names);
	bool ok = count >= 0;

	*out = (struct inherited_list){ 0 };
	if (!ok)
		report_add(
			report, 0,
			"sockets were promised (LISTEN_FDS, LISTEN_FDNAMES) but do not fit what was "
			"passed: %s; start the socket unit again",
			strerror(-count));
	for (int i = 0; i < count; i++)
		ok &= take(out, FIRST + i, names[i], report);
	for (size_t i = 0; names && names[i]; i++)
		free(names[i]);
	free(names);
	return ok;
}

void inherited_finish(struct inherited_list *list)
{
	for (size_t i = 0; i < list->count; i++)
		if (list->at[i].fd >= 0)
			close(list->at[i].fd);
	free(list->at);
	*list = (struct inherited_list){ 0 };
}
