#include "relay/sockmap_socket.h"

#include <limits.h>
#include <linux/sockios.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

/* Bytes may arrive while one asks. */
#define TRIES 8

bool socket_cookie(int fd, uint64_t *out)
{
	socklen_t len = sizeof(*out);

	return getsockopt(fd, SOL_SOCKET, SO_COOKIE, out, &len) == 0;
}

void socket_lift_lowat(int fd)
{
	const unsigned none = UINT_MAX;

	setsockopt(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &none, sizeof(none));
}

static struct tcp_info read_info(int fd)
{
	struct tcp_info info = { 0 };
	socklen_t len = sizeof(info);

	getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len);
	return info;
}

/* In this order: what is acknowledged in between is counted neither here nor there, never twice. */
uint64_t socket_written(int fd)
{
	uint64_t acked = read_info(fd).tcpi_bytes_acked;
	int queued = 0;

	ioctl(fd, SIOCOUTQ, &queued);
	return acked + (uint64_t)queued;
}

uint64_t socket_received(int fd)
{
	return read_info(fd).tcpi_bytes_received;
}

/* Truthful only while no program has the socket, and with urgent bytes inline (SO_OOBINLINE). */
bool socket_consumed(int fd, uint64_t *out)
{
	int unread = 0;

	for (int i = 0; i < TRIES; i++) {
		uint64_t before = socket_received(fd);

		*out = 0;
		if (!before)
			return true;
		if (ioctl(fd, SIOCINQ, &unread) < 0)
			return false;
		*out = before - (uint64_t)unread;
		if (socket_received(fd) == before)
			return !*out || !unread;
	}
	return false;
}
