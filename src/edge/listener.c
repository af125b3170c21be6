#include "edge/listener.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <string.h>
#include <unistd.h>

#include "backend/leg_options.h"
#include "base/log.h"
#include "config/reach.h"

/* The kernel cuts it to net.core.somaxconn. */
#define BACKLOG 4096

/* With fewer places left, connections are accepted one at a time: multishot would take all
 * that wait, only to refuse them. */
#define SINGLE_BELOW 256

/* Milliseconds that handshakes under way have to complete: the longest round trip. */
#define LEAVE_AFTER 1000

static int set_flag(int fd, int level, int name)
{
	const int on = 1;

	return setsockopt(fd, level, name, &on, sizeof(on)) < 0 ? -errno : 0;
}

/* An address of the tailnet comes when tailscaled is up, maybe after us: it may be bound before it is there (ip(7),
 * IP_FREEBIND). Any other that no interface has is taken for a mistake. */
static int allow_absence(int fd, const struct addr *at)
{
	if (reach_of_addr(at) != REACH_TAILNET)
		return 0;
	return at->sa.sa_family == AF_INET6 ? set_flag(fd, IPPROTO_IPV6, IPV6_FREEBIND)
					    : set_flag(fd, IPPROTO_IP, IP_FREEBIND);
}

static int bound_socket(const struct addr *at, bool alone)
{
	int fd = socket(at->sa.sa_family, SOCK_STREAM | SOCK_CLOEXEC, IPPROTO_TCP), err = 0;

	if (fd < 0)
		return -errno;
	err = set_flag(fd, SOL_SOCKET, SO_REUSEADDR);
	if (!err && !alone)
		err = set_flag(fd, SOL_SOCKET, SO_REUSEPORT);
	if (!err && !alone)
		err = allow_absence(fd, at);
	if (!err && at->sa.sa_family == AF_INET6)
		err = set_flag(fd, IPPROTO_IPV6, IPV6_V6ONLY);
	if (!err && bind(fd, &at->sa, addr_len(at)) < 0)
		err = -errno;
	if (!err)
		return fd;
	close(fd);
	return err;
}

int listener_probe(const struct addr *at)
{
	int fd = bound_socket(at, true);

	if (fd < 0)
		return fd;
	close(fd);
	return 0;
}

int listener_open(const struct plan_entry *plan)
{
	int fd = bound_socket(&plan->at, false), err;

	if (fd < 0)
		return fd;
	leg_options_set(fd, &plan->client);
	if (listen(fd, BACKLOG) == 0)
		return fd;
	err = -errno;
	close(fd);
	return err;
}

static void arm(struct listener *l)
{
	ring_accept(l->ring, &l->accept, l->fd, gate_room(l->plan->gate, l->admit) > SINGLE_BELOW);
}

/* reason NULL: no place is left. */
static void pause_accept(struct listener *l, const char *reason)
{
	if (l->paused)
		return;
	l->paused = true;
	ring_cancel(l->ring, &l->accept);
	if (reason)
		admit_strain(l->admit, reason);
	else
		gate_strain(l->plan->gate, l->admit);
}

/* NULL: the failure concerns one connection that is gone already (accept(2), "Error handling");
 * else why accept has to pause. Anything unknown pauses too: it must never spin. */
static const char *why_pause(int err)
{
	switch (err) {
	case -ECONNABORTED:
	case -EINTR:
	case -EAGAIN:
	case -ECANCELED:
	case -EPROTO:
	case -ENETDOWN:
	case -ENETUNREACH:
	case -EHOSTDOWN:
	case -EHOSTUNREACH:
	case -ENOPROTOOPT:
	case -EOPNOTSUPP:
	case -ENONET:
	case -EPERM:
		return NULL;
	case -EMFILE:
		return "out of file descriptors (RLIMIT_NOFILE)";
	case -ENFILE:
		return "the system is out of file descriptors (fs.file-max)";
	case -ENOBUFS:
	case -ENOMEM:
		return "out of memory for sockets";
	default:
		return strerror(-err);
	}
}

/* Another worker may have taken the last place meanwhile: then the client waits here, as it
 * would in the accept queue. Only a burst finds more than one in need of that. */
static void take(struct listener *l, int fd)
{
	bool admitted = gate_enter(l->plan->gate, l->admit);

	if (!admitted && l->parked < 0 && !l->closed)
		l->parked = fd;
	else
		l->accepted(l, fd, admitted);
}

static void take_parked(struct listener *l)
{
	int fd = l->parked;

	l->parked = -1;
	if (fd >= 0)
		take(l, fd);
}

static void on_accept(struct op *op, int res)
{
	struct listener *l = container_of(op, struct listener, accept);

	if (res >= 0)
		take(l, res);
	else if (why_pause(res))
		pause_accept(l, why_pause(res));
	if (l->closed || l->paused)
		return;
	if (!gate_room(l->plan->gate, l->admit))
		pause_accept(l, NULL);
	else if (!op->armed)
		arm(l);
	else if (gate_room(l->plan->gate, l->admit) <= SINGLE_BELOW)
		ring_cancel(l->ring, op);
}

static msec_t tick_leaving(struct timer *t, msec_t now)
{
	(void)now;
	listener_close(container_of(t, struct listener, leaving));
	return TIMER_NONE;
}

void listener_start(struct listener *l, struct ring *ring, struct timers *timers,
		    struct admit *admit)
{
	list_init(&l->node);
	l->accept.done = on_accept;
	l->leaving.tick = tick_leaving;
	l->parked = -1;
	l->ring = ring;
	l->timers = timers;
	l->admit = admit;
	arm(l);
}

void listener_adopt(struct listener *l, const struct plan_entry *plan)
{
	l->plan = plan;
	/* Connections inherit what the listening socket has when they complete (tcp(7)). */
	leg_options_set(l->fd, &plan->client);
}

void listener_resume(struct listener *l)
{
	if (!l->paused || l->closed || l->accept.armed || !gate_room(l->plan->gate, l->admit))
		return;
	take_parked(l);
	if (!gate_room(l->plan->gate, l->admit))
		return;
	l->paused = false;
	arm(l);
}

void listener_leave(struct listener *l)
{
	if (l->closed || l->leaving.slot)
		return;
	if (l->inherited) {
		listener_close(l);
		return;
	}
	/* No SYN finds it any more, and another socket of the address or a refusal takes its place; what completes a
	 * handshake finds the request that the SYN made (compute_score(); tcp_v4_syn_recv_sock()). */
	leg_options_detach(l->fd);
	timer_set(l->timers, &l->leaving, timer_now() + LEAVE_AFTER);
}

/* Closing would reset them. */
static void take_waiting(struct listener *l)
{
	int fd;

	fcntl(l->fd, F_SETFL, O_NONBLOCK);
	while ((fd = accept4(l->fd, NULL, NULL, SOCK_CLOEXEC)) >= 0)
		l->accepted(l, fd, gate_enter(l->plan->gate, l->admit));
}

void listener_close(struct listener *l)
{
	if (l->closed)
		return;
	l->closed = true;
	timer_stop(l->timers, &l->leaving);
	take_parked(l);
	if (!l->inherited)
		take_waiting(l);
	ring_cancel(l->ring, &l->accept);
	ring_close_fd(l->ring, l->fd);
	l->fd = -1;
}

bool listener_gone(const struct listener *l)
{
	return l->closed && !l->accept.armed;
}
