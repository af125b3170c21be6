#include "backend/attempt.h"

#include <errno.h>
#include <stdlib.h>

#include "backend/leg_options.h"
#include "relay/relay.h"

static bool is_busy(const struct attempt *a)
{
	return a->connect.armed || a->send.armed || (a->via && a->via->op.armed);
}

/* It is not counted for its server any more, either. */
static void close_socket(struct attempt *a)
{
	if (a->fd < 0)
		return;
	/* Whoever lost was told nothing; a FIN would leave our port in TIME_WAIT as well. */
	reset_on_close(a->fd);
	ring_close_fd(a->terms->ring, a->fd);
	a->fd = -1;
	server_leave(a->choice->server);
	ports_leave(&a->choice->server->ports, &a->choice->at);
}

static void fail(struct attempt *a)
{
	if (a->expired)
		a->error = -ETIMEDOUT;
	else if (a->stopped)
		a->error = -ECANCELED;
	close_socket(a);
	a->state = ATTEMPT_FAILED;
}

/* All operations have ended: what has become of it? */
static void settle(struct attempt *a)
{
	if (is_busy(a))
		return;
	free(a->via);
	a->via = NULL;
	if (a->error)
		fail(a);
	else if (a->sent == a->terms->header_len)
		a->state = ATTEMPT_READY;
	else
		a->state = ATTEMPT_CONNECTED;
	a->terms->changed(a);
}

static void on_proxied(struct via *v, int error)
{
	struct attempt *a = v->owner;

	a->error = error;
	settle(a);
}

/* The proxy answered; now the server. */
static void talk_to_proxy(struct attempt *a)
{
	struct via *v = malloc(sizeof(*v));

	if (!v || a->expired || a->stopped) {
		free(v);
		a->error = v ? -ECANCELED : -ENOMEM;
		settle(a);
		return;
	}
	v->ring = a->terms->ring;
	v->conf = &a->terms->conf->via;
	v->name = a->choice->at.sa.sa_family == AF_UNSPEC ? a->choice->server->host : NULL;
	v->to = a->choice->at;
	v->done = on_proxied;
	v->owner = a;
	v->fd = a->fd;
	a->via = v;
	via_start(v);
}

static void on_connected(struct op *op, int res)
{
	struct attempt *a = container_of(op, struct attempt, connect);

	if (res < 0)
		a->error = res;
	else if (a->terms->conf->via.host) {
		talk_to_proxy(a);
		return;
	}
	settle(a);
}

static void on_sent(struct op *op, int res)
{
	struct attempt *a = container_of(op, struct attempt, send);
	const struct attempt_terms *t = a->terms;

	if (res < 0) {
		/* -ECANCELED may only echo the connect's failure. */
		if (!a->error)
			a->error = res;
	} else {
		a->sent += (size_t)res;
		if (a->sent < t->header_len && !a->stopped && !a->expired) {
			ring_send(t->ring, op, a->fd, t->header + a->sent, t->header_len - a->sent);
			return;
		}
		if (a->sent < t->header_len)
			a->error = -ECANCELED;
	}
	settle(a);
}

static int open_socket(const struct attempt_terms *t, const struct addr *to)
{
	/* Blocking: the ring waits for the connect; with O_NONBLOCK it would not. */
	int fd = outgoing_socket(&t->outgoing, to, 0);

	if (fd >= 0)
		leg_options_begin(fd);
	return fd;
}

bool attempt_start(struct attempt *a, const struct attempt_terms *terms,
		   const struct choice *choice, msec_t now, bool chained)
{
	const struct via_conf *via = &terms->conf->via;
	const struct addr *to = via->host ? &terms->proxy : &choice->at;

	*a = (struct attempt){ .connect.done = on_connected,
			       .send.done = on_sent,
			       .terms = terms,
			       .choice = choice,
			       .due = now + terms->conf->connect_timeout,
			       .fd = open_socket(terms, to),
			       .chained = chained && terms->header_len && !via->host };
	if (a->fd < 0) {
		a->error = a->fd;
		return false;
	}
	server_enter(choice->server);
	ports_enter(&choice->server->ports, &choice->at, terms->conf->section.name);
	a->state = ATTEMPT_CONNECTING;
	if (a->chained) {
		leg_options_delay_ack(a->fd);
		ring_connect_send(terms->ring, &a->connect, &a->send, a->fd, to, terms->header,
				  terms->header_len);
		return true;
	}
	ring_connect(terms->ring, &a->connect, a->fd, to);
	return true;
}

void attempt_greet(struct attempt *a)
{
	a->state = ATTEMPT_GREETING;
	ring_send(a->terms->ring, &a->send, a->fd, a->terms->header, a->terms->header_len);
}

static void cut(struct attempt *a)
{
	ring_cancel(a->terms->ring, &a->connect);
	ring_cancel(a->terms->ring, &a->send);
	if (a->via)
		via_cancel(a->via);
}

void attempt_drop(struct attempt *a)
{
	if (a->chained)
		ring_cancel(a->terms->ring, &a->connect);
	else
		attempt_stop(a);
}

void attempt_stop(struct attempt *a)
{
	a->stopped = true;
	cut(a);
}

void attempt_expire(struct attempt *a)
{
	a->expired = true;
	cut(a);
}

int attempt_take(struct attempt *a)
{
	int fd = a->fd;

	a->fd = -1;
	a->state = ATTEMPT_NONE;
	return fd;
}

void attempt_clear(struct attempt *a)
{
	close_socket(a);
	a->state = ATTEMPT_NONE;
}
