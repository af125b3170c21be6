#include "backend/dial.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "backend/leg_options.h"
#include "base/log.h"

static void next_attempt(struct dial *d);

bool dial_busy(const struct dial *d)
{
	return d->connect.armed || d->send.armed;
}

static void drop_socket(struct dial *d)
{
	if (d->fd >= 0)
		ring_close_fd(d->ring, d->fd);
	d->fd = -1;
}

static void finish(struct dial *d)
{
	int fd = d->fd;

	d->fd = -1;
	free(d->choices);
	d->choices = NULL;
	d->done(d, fd);
}

/* Whether the server is to blame, and not this machine. */
static bool is_its_fault(int error)
{
	switch (error) {
	case -ECONNREFUSED:
	case -ETIMEDOUT:
	case -EHOSTUNREACH:
	case -ENETUNREACH:
	case -ECONNRESET:
	case -EPIPE:
		return true;
	default:
		return false;
	}
}

static void give_up_attempt(struct dial *d)
{
	drop_socket(d);
	if (!d->stopped && is_its_fault(d->error))
		server_note(d->server, &d->to, HEALTH_CONNECT_FAILED);
	server_leave(d->server);
	d->server = NULL;
}

/* Both operations of the chain have ended. */
static void settle(struct dial *d)
{
	if (dial_busy(d))
		return;
	if (d->stopped)
		d->error = -ECANCELED;
	else if (d->expired && d->error)
		d->error = -ETIMEDOUT;
	if (!d->error) {
		server_note(d->server, &d->to, HEALTH_WORKED);
		finish(d);
		return;
	}
	give_up_attempt(d);
	if (d->stopped)
		finish(d);
	else
		next_attempt(d);
}

static void on_connected(struct op *op, int res)
{
	struct dial *d = container_of(op, struct dial, connect);

	if (res < 0)
		d->error = res;
	settle(d);
}

static void on_sent(struct op *op, int res)
{
	struct dial *d = container_of(op, struct dial, send);

	if (res < 0) {
		/* -ECANCELED only echoes the connect's failure. */
		if (!d->error)
			d->error = res;
	} else {
		d->header_sent += (uint16_t)res;
		if (d->header_sent < d->header_len && !d->stopped) {
			ring_send(d->ring, op, d->fd, d->header + d->header_sent,
				  (size_t)(d->header_len - d->header_sent));
			return;
		}
	}
	settle(d);
}

static bool open_socket(struct dial *d)
{
	/* Blocking: the ring waits for the connect; with O_NONBLOCK it would not. */
	d->fd = socket(d->to.sa.sa_family, SOCK_STREAM | SOCK_CLOEXEC, IPPROTO_TCP);
	if (d->fd < 0) {
		d->error = -errno;
		return false;
	}
	leg_options_set(d->fd, &d->plan->timeouts);
	return true;
}

/* Starts on the next address that has a socket; after the last one, ends. */
static void next_attempt(struct dial *d)
{
	while (d->attempt < d->count) {
		d->to = d->choices[d->attempt].at;
		d->server = d->choices[d->attempt++].server;
		server_enter(d->server);
		if (!open_socket(d)) {
			give_up_attempt(d);
			continue;
		}
		d->error = 0;
		d->expired = false;
		d->header_sent = 0;
		if (d->header_len)
			ring_connect_send(d->ring, &d->connect, &d->send, d->fd, &d->to, d->header,
					  d->header_len);
		else
			ring_connect(d->ring, &d->connect, d->fd, &d->to);
		return;
	}
	finish(d);
}

void dial_start(struct dial *d, struct ring *ring, const struct dial_plan *plan,
		const struct addr *client, const uint8_t *header, size_t len,
		void (*done)(struct dial *d, int fd))
{
	*d = (struct dial){ .connect.done = on_connected,
			    .send.done = on_sent,
			    .ring = ring,
			    .plan = plan,
			    .done = done,
			    .header = header,
			    .header_len = (uint16_t)len,
			    .fd = -1,
			    .error = -ENOMEM };
	d->choices = malloc(POOL_CHOICES_MAX * sizeof(*d->choices));
	if (d->choices)
		d->count =
			(uint8_t)pool_choose(plan->pool, client, plan->port, d->choices, &d->error);
	next_attempt(d);
}

static void cancel(struct dial *d)
{
	ring_cancel(d->ring, &d->connect);
	ring_cancel(d->ring, &d->send);
}

void dial_expire(struct dial *d)
{
	d->expired = true;
	cancel(d);
}

void dial_stop(struct dial *d)
{
	d->stopped = true;
	cancel(d);
}
