#include "backend/outgoing.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "backend/device.h"

struct outgoing outgoing_of(const struct backend_conf *b)
{
	struct outgoing o = { .sourced = b->source.count > 0 };

	snprintf(o.device, sizeof(o.device), "%s", b->device ? b->device : "");
	for (size_t i = 0; i < b->source.count; i++)
		o.source[b->source.at[i].sa.sa_family == AF_INET6] = b->source.at[i];
	return o;
}

/* IP_BIND_ADDRESS_NO_PORT: the port is chosen by connect(2), which may take one that leads elsewhere
 * already; bind(2) would have to find one that nothing uses. */
static int bind_source(const struct outgoing *o, int fd, int family)
{
	const struct addr *a = &o->source[family == AF_INET6];
	const int on = 1;

	if (!o->sourced)
		return 0;
	if (a->sa.sa_family == AF_UNSPEC)
		return -EAFNOSUPPORT;
	setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof(on));
	if (bind(fd, &a->sa, addr_len(a)) == 0)
		return 0;
	/* Of connect(2) it means that no port is left. */
	return errno == EADDRNOTAVAIL ? -ENXIO : -errno;
}

int outgoing_socket(const struct outgoing *o, const struct addr *to, int flags)
{
	int fd = socket(to->sa.sa_family, SOCK_STREAM | SOCK_CLOEXEC | flags, IPPROTO_TCP), error;

	if (fd < 0)
		return -errno;
	error = device_bind(fd, *o->device ? o->device : "auto", to);
	if (!error)
		error = bind_source(o, fd, to->sa.sa_family);
	if (!error)
		return fd;
	close(fd);
	return error;
}
