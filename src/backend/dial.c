#include "backend/dial.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"

static struct dial *dial_of(struct attempt *a)
{
	return container_of(a->terms, struct dial, terms);
}

static size_t under_way(const struct dial *d)
{
	size_t n = 0;

	for (size_t i = 0; i < DIAL_AT_ONCE; i++)
		n += d->attempts[i].state != ATTEMPT_NONE;
	return n;
}

/* There is at most one: it is begun when nothing else is. */
static bool chain_is_out(const struct dial *d)
{
	for (size_t i = 0; i < DIAL_AT_ONCE; i++)
		if (d->attempts[i].state == ATTEMPT_CONNECTING && d->attempts[i].chained)
			return true;
	return false;
}

/* Of all errors one is told: rather what a server answered than that its family leads nowhere. */
static void note_error(struct dial *d, int error)
{
	bool nowhere = error == -ENETUNREACH || error == -EAFNOSUPPORT || error == -ECANCELED;

	if (!d->error || !nowhere)
		d->error = error;
}

/* Trouble of this machine's says nothing about the server. */
static bool is_the_servers(int error)
{
	switch (error) {
	case -ECONNREFUSED:
	case -ECONNRESET:
	case -EPIPE:
	case -ETIMEDOUT:
	case -EHOSTUNREACH:
		return true;
	default:
		return false;
	}
}

static void note_failure(struct dial *d, const struct attempt *a)
{
	char at[ADDR_TEXT];

	note_error(d, a->error);
	if (d->pool->proxy && is_the_servers(a->error))
		name_hurry(d->pool->proxy);
	if (a->choice->at.sa.sa_family != AF_UNSPEC && is_the_servers(a->error))
		server_note(a->choice->server, &a->choice->at, HEALTH_CONNECT_FAILED);
	log_debug("backend %s: %s %s: %s", d->terms.conf->section.name, a->choice->server->host,
		  addr_format(&a->choice->at, at), strerror(-a->error));
}

static void drop_others(struct dial *d, const struct attempt *but)
{
	for (size_t i = 0; i < DIAL_AT_ONCE; i++) {
		struct attempt *a = &d->attempts[i];

		if (a == but || a->state == ATTEMPT_NONE)
			continue;
		if (a->state == ATTEMPT_CONNECTED)
			attempt_clear(a);
		else
			attempt_drop(a);
	}
}

static void win(struct dial *d, struct attempt *a)
{
	d->winner = a;
	drop_others(d, a);
}

/* A chained one that got through after another had won: its server has heard the header. */
static bool outranks(const struct attempt *a, const struct attempt *winner)
{
	return a->state == ATTEMPT_READY && winner->state == ATTEMPT_CONNECTED;
}

static struct attempt *free_place(struct dial *d)
{
	for (size_t i = 0; i < DIAL_AT_ONCE; i++)
		if (d->attempts[i].state == ATTEMPT_NONE)
			return &d->attempts[i];
	return NULL;
}

static bool may_begin(const struct dial *d, msec_t now)
{
	return !d->winner && !d->stopped && d->begun < d->nchoices && now < d->until;
}

/* One more, if there is an address left that has a socket. Out of descriptors, those under way may still get
 * there, and the address waits for its turn. */
static void begin_next(struct dial *d, msec_t now)
{
	struct attempt *a = free_place(d);
	bool alone = under_way(d) == 0;

	while (a && d->begun < d->nchoices) {
		const struct choice *c = &d->choices[d->begun];

		if (attempt_start(a, &d->terms, c, now, alone)) {
			d->begun++;
			d->chosen = c;
			break;
		}
		if (!alone && (a->error == -EMFILE || a->error == -ENFILE))
			break;
		d->begun++;
		d->chosen = c;
		note_failure(d, a);
	}
	d->next_due = now + DIAL_STAGGER;
}

static void finish(struct dial *d)
{
	int fd = -1;

	timer_stop(d->timers, &d->timer);
	if (d->winner) {
		d->chosen = d->winner->choice;
		d->error = 0;
		if (d->chosen->at.sa.sa_family != AF_UNSPEC)
			server_note(d->chosen->server, &d->chosen->at, HEALTH_WORKED);
		fd = attempt_take(d->winner);
	} else if (d->stopped) {
		d->error = -ECANCELED;
	}
	d->done(d, fd);
}

/* Something ended. */
static void advance(struct dial *d)
{
	size_t n = under_way(d);

	if (d->winner && d->winner->state == ATTEMPT_CONNECTED && !chain_is_out(d))
		attempt_greet(d->winner);
	if (n > 1 || (n == 1 && (!d->winner || d->winner->state != ATTEMPT_READY)))
		return;
	/* The client's socket is the relay's from here on. */
	if (d->watch.armed)
		ring_cancel(d->terms.ring, &d->watch);
	else
		finish(d);
}

/* After begin_next(). */
static msec_t look_again(const struct dial *d, msec_t now)
{
	return min_of(d->next_due, now + d->terms.conf->connect_timeout);
}

static void on_failed(struct dial *d, struct attempt *a)
{
	msec_t now = *d->now;

	if (!d->stopped && (a->error != -ECANCELED || a == d->winner))
		note_failure(d, a);
	if (a == d->winner)
		d->winner = NULL;
	attempt_clear(a);
	if (!may_begin(d, now))
		return;
	begin_next(d, now);
	timer_set(d->timers, &d->timer, look_again(d, now));
}

static void on_changed(struct attempt *a)
{
	struct dial *d = dial_of(a);

	if (a->state == ATTEMPT_FAILED)
		on_failed(d, a);
	else if (d->stopped || (d->winner && d->winner != a && !outranks(a, d->winner)))
		attempt_clear(a);
	else if (d->winner != a)
		win(d, a);
	advance(d);
}

static void on_watched(struct op *op, int res)
{
	struct dial *d = container_of(op, struct dial, watch);

	/* An end of stream is reported, too: it may still wait for an answer. */
	if (res > 0 && res & (POLLERR | POLLHUP) && !d->stopped) {
		d->client_gone = true;
		dial_stop(d);
	}
	if (!op->armed)
		advance(d);
}

static msec_t expire(struct dial *d, msec_t now)
{
	msec_t due = TIMER_NONE;

	for (size_t i = 0; i < DIAL_AT_ONCE; i++) {
		struct attempt *a = &d->attempts[i];

		if (a->state == ATTEMPT_NONE || a->expired)
			continue;
		if (now >= a->due)
			attempt_expire(a);
		else
			due = min_of(due, a->due);
	}
	return due;
}

/* A container that was started anew has another address, and the old one answers nothing for as long as it is asked. */
static void give_up_moved(struct dial *d)
{
	for (size_t i = 0; i < DIAL_AT_ONCE; i++) {
		struct attempt *a = &d->attempts[i];

		if (a->state != ATTEMPT_CONNECTING || a->expired ||
		    a->choice->at.sa.sa_family == AF_UNSPEC ||
		    server_has(a->choice->server, &a->choice->at))
			continue;
		d->moved = true;
		attempt_expire(a);
	}
}

static msec_t tick(struct timer *t, msec_t now)
{
	struct dial *d = container_of(t, struct dial, timer);
	msec_t due = expire(d, now);

	if (!d->watch.armed && !d->stopped && !d->winner && d->client >= 0)
		ring_poll(d->terms.ring, &d->watch, d->client, 0);
	if (d->stopped || d->winner)
		return due;
	give_up_moved(d);
	if (!may_begin(d, now) || !free_place(d))
		return min_of(due, now + DIAL_STAGGER);
	if (now < d->next_due)
		return min_of(due, d->next_due);
	begin_next(d, now);
	return min_of(due, look_again(d, now));
}

struct dial *dial_new(struct ring *ring, struct timers *timers, const struct dial_plan *plan,
		      const struct choice *choices, size_t count)
{
	struct dial *d = malloc(sizeof(*d) + count * sizeof(*choices));

	if (!d)
		return NULL;
	*d = (struct dial){ .terms = { .ring = ring,
				       .conf = plan->pool->conf,
				       .outgoing = outgoing_of(plan->pool->conf),
				       .changed = on_changed },
			    .pool = plan->pool,
			    .timers = timers,
			    .timer.tick = tick,
			    .watch.done = on_watched,
			    .nchoices = count };
	memcpy(d->choices, choices, count * sizeof(*choices));
	pool_proxy(plan->pool, &d->terms.proxy);
	return d;
}

void dial_start(struct dial *d, const uint8_t *header, size_t len, int client, const msec_t *now)
{
	d->terms.header = header;
	d->terms.header_len = len;
	d->client = client;
	d->now = now;
	d->until = *now + DIAL_ROUNDS * d->terms.conf->connect_timeout;
	begin_next(d, *now);
	if (under_way(d))
		timer_set(d->timers, &d->timer, look_again(d, *now));
	else
		finish(d);
}

void dial_stop(struct dial *d)
{
	d->stopped = true;
	timer_stop(d->timers, &d->timer);
	for (size_t i = 0; i < DIAL_AT_ONCE; i++) {
		struct attempt *a = &d->attempts[i];

		if (a->state == ATTEMPT_CONNECTED || a->state == ATTEMPT_READY)
			attempt_clear(a);
		else if (a->state != ATTEMPT_NONE)
			attempt_stop(a);
	}
	d->winner = NULL;
	ring_cancel(d->terms.ring, &d->watch);
}

void dial_free(struct dial *d)
{
	free(d);
}
