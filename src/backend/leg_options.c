#include "backend/leg_options.h"

#include <errno.h>
#include <limits.h>
#include <netinet/tcp.h>

/* Between two probes, at most. */
#define PROBE_SECONDS 15
#define PROBES	      4

/* The user timeout takes the place of the count of probes, but is looked at only when a probe is due (tcp(7)): so
 * one has to be due at its end. */
static msec_t probe_interval(const struct timeouts *t)
{
	msec_t keepalive = t->keepalive / 1000, limit = t->user_timeout / 1000, rest, probes;

	if (!limit)
		return PROBE_SECONDS;
	rest = limit > keepalive ? limit - keepalive : 1;
	probes = (rest + PROBE_SECONDS - 1) / PROBE_SECONDS;
	return (rest + probes - 1) / probes;
}

static void set(int fd, int level, int name, int value)
{
	setsockopt(fd, level, name, &value, sizeof(value));
}

void leg_options_begin(int fd)
{
	/* We pass on what arrives when it arrives; waiting to fill a segment is the sender's choice. */
	set(fd, IPPROTO_TCP, TCP_NODELAY, 1);
	/* An urgent byte would be taken out of the stream: a lost byte. */
	set(fd, SOL_SOCKET, SO_OOBINLINE, 1);
}

void leg_options_watch(int fd, const struct timeouts *t)
{
	set(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
	set(fd, IPPROTO_TCP, TCP_KEEPIDLE, (int)(t->keepalive / 1000));
	set(fd, IPPROTO_TCP, TCP_KEEPINTVL, (int)probe_interval(t));
	set(fd, IPPROTO_TCP, TCP_KEEPCNT, PROBES);
	set(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, (int)t->user_timeout);
}

void leg_options_set(int fd, const struct timeouts *t)
{
	leg_options_begin(fd);
	leg_options_watch(fd, t);
}

/* Bound to an interface that does not exist it is in no lookup, and no route leads out (net/ipv4/inet_hashtables.c,
 * inet_match(); ip_queue_xmit()). Needs no privilege since Linux 5.7, which a socket filter does on hardened kernels. */
int leg_options_detach(int fd)
{
	const int nowhere = INT_MAX;

	return setsockopt(fd, SOL_SOCKET, SO_BINDTOIFINDEX, &nowhere, sizeof(nowhere)) < 0 ? -errno
											   : 0;
}

void leg_options_delay_ack(int fd)
{
	set(fd, IPPROTO_TCP, TCP_QUICKACK, 0);
}
