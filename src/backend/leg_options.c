#include "backend/leg_options.h"

#include <netinet/tcp.h>

/* After the first probe. The user timeout, where it is set, decides when enough is enough. */
#define PROBE_SECONDS 15
#define PROBES	      4

static void set(int fd, int level, int name, int value)
{
	setsockopt(fd, level, name, &value, sizeof(value));
}

void leg_options_set(int fd, const struct timeouts *t)
{
	/* We pass on what arrives when it arrives; waiting to fill a segment is the sender's choice. */
	set(fd, IPPROTO_TCP, TCP_NODELAY, 1);
	/* An urgent byte would be taken out of the stream: a lost byte. */
	set(fd, SOL_SOCKET, SO_OOBINLINE, 1);
	set(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
	set(fd, IPPROTO_TCP, TCP_KEEPIDLE, (int)(t->keepalive / 1000));
	set(fd, IPPROTO_TCP, TCP_KEEPINTVL, PROBE_SECONDS);
	set(fd, IPPROTO_TCP, TCP_KEEPCNT, PROBES);
	set(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, (int)t->user_timeout);
}
