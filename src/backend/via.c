#include "backend/via.h"

#include <errno.h>

enum step { GREETING, PASSWORD, CONNECT };

static void send_on(struct via *v)
{
	v->sending = true;
	ring_send(v->ring, &v->op, v->fd, v->bytes + v->used, v->len - v->used);
}

static void say(struct via *v, enum step step)
{
	v->step = (uint8_t)step;
	v->used = 0;
	if (step == GREETING)
		v->len = socks_write_greeting(v->conf->user != NULL, v->bytes);
	else if (step == PASSWORD)
		v->len = socks_write_password(v->conf->user, v->conf->password, v->bytes);
	else
		v->len = socks_write_connect(v->name, &v->to, v->bytes);
	send_on(v);
}

static int read_answer(struct via *v, enum socks_method *method, size_t *missing)
{
	if (v->step == GREETING)
		return socks_read_method(v->bytes, v->used, v->conf->user != NULL, method, missing);
	if (v->step == PASSWORD)
		return socks_read_password(v->bytes, v->used, missing);
	return socks_read_connect(v->bytes, v->used, missing);
}

static void go_on(struct via *v)
{
	enum socks_method method = SOCKS_METHOD_NONE;
	size_t missing = 0;
	int n = read_answer(v, &method, &missing);

	if (n < 0)
		v->done(v, n);
	else if (n == 0)
		ring_recv(v->ring, &v->op, v->fd, v->bytes + v->used, missing);
	else if (v->step == CONNECT)
		v->done(v, 0);
	else
		say(v, method == SOCKS_METHOD_PASSWORD ? PASSWORD : CONNECT);
}

static void on_moved(struct op *op, int res)
{
	struct via *v = container_of(op, struct via, op);

	if (v->cancelled || res <= 0) {
		/* It hung up without a word: that is a refusal. */
		v->done(v, v->cancelled ? -ECANCELED : res ? res : -ECONNREFUSED);
		return;
	}
	v->used += (size_t)res;
	if (v->sending && v->used < v->len) {
		send_on(v);
		return;
	}
	if (v->sending)
		v->used = 0;
	v->sending = false;
	go_on(v);
}

void via_start(struct via *v)
{
	v->op = (struct op){ .done = on_moved };
	v->cancelled = false;
	say(v, GREETING);
}

void via_cancel(struct via *v)
{
	v->cancelled = true;
	ring_cancel(v->ring, &v->op);
}
