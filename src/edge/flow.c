#include "edge/flow.h"

#include <errno.h>
#include <stdlib.h>

#include "backend/leg_options.h"
#include "edge/generation.h"
#include "edge/record.h"
#include "edge/router.h"
#include "edge/shelter.h"
#include "edge/vigil.h"

static void drop_client(struct flow *f, bool reset)
{
	struct flows *fs = f->flows;
	int fd = f->client_fd;

	if (fd < 0)
		return;
	f->client_fd = -1;
	if (f->dismissal == DISMISS_TARPIT && tarpit_hold(&fs->tarpit, fd, fs->host.now))
		return;
	/* The reset stays here: the client believes in its connection until it sends something. */
	if (f->dismissal == DISMISS_DROP)
		leg_options_detach(fd);
	if (reset)
		reset_on_close(fd);
	ring_close_fd(fs->host.ring, fd);
}

static void leave_shelter(struct flow *f)
{
	f->flows->nsheltered -= f->sheltered;
	f->sheltered = false;
}

/* The one way out; the first reason wins. */
static void flow_end(struct flow *f, enum why why, bool reset)
{
	enum flow_state was = (enum flow_state)f->state;

	if (was == FLOW_CLOSING)
		return;
	f->why = (uint8_t)why;
	life_enter(f, FLOW_CLOSING);
	timer_stop(f->flows->timers, &f->timer);
	if (was == FLOW_RELAY)
		relay_close(&f->relay, reset);
	else if (was == FLOW_DIAL && f->dial)
		dial_stop(f->dial);
	else if (was == FLOW_HEAD)
		head_stop(f->head);
	leave_shelter(f);
	drop_client(f, reset);
	screen_leave(&f->flows->screen, f->source, f->flows->host.now);
	f->source = NULL;
	list_del(&f->node);
	list_add(&f->flows->dying, &f->node);
	life_tell(f);
}

void flow_close(struct flow *f, enum why why)
{
	flow_end(f, why, why != WHY_CLIENT_EOF && why != WHY_SERVER_EOF);
}

void flow_relay_ended(struct relay *r, enum relay_end end)
{
	struct flow *f = container_of(r, struct flow, relay);

	if (end == RELAY_CLOSED)
		flow_close(f, r->first_end == CLIENT ? WHY_CLIENT_EOF : WHY_SERVER_EOF);
	else if (end == RELAY_BROKEN)
		flow_close(f, r->broken_side == CLIENT ? WHY_CLIENT_RESET : WHY_SERVER_RESET);
	else
		flow_close(f, end == RELAY_REFUSED ? WHY_BAD_PROXY : WHY_ERROR);
}

static msec_t tick_relay(struct flow *f, msec_t now)
{
	struct vigil v = vigil_look(f, now);

	if (v.why == WHY_NONE)
		return v.due;
	flow_end(f, v.why, v.reset);
	return TIMER_NONE;
}

static void take_shelter(struct flow *f, enum why why);
static void start_dial(struct flow *f);

static msec_t tick_farewell(struct flow *f, msec_t now)
{
	struct relay_host *host = &f->flows->host;

	if (now < f->shelter_due &&
	    !shelter_is_heard(f->client_fd, host->buffer, host->buffer_size))
		return now + SHELTER_LOOK;
	flow_end(f, (enum why)f->why, false);
	return TIMER_NONE;
}

static msec_t tick_held(struct flow *f, msec_t now)
{
	enum why gone = shelter_client(f->client_fd);

	/* It said all it had to say. */
	if (gone == WHY_CLIENT_EOF && f->head && head_rest(f->head))
		gone = WHY_NONE;
	if (gone != WHY_NONE)
		flow_close(f, gone);
	else if (now >= f->shelter_due)
		take_shelter(f, (enum why)f->why);
	else if (now >= f->dial_due)
		start_dial(f);
	else
		return now + SHELTER_LOOK;
	return TIMER_NONE;
}

static msec_t drain_or(const struct flow *f, msec_t due)
{
	return f->drain_due ? min_of(f->drain_due, due) : due;
}

static msec_t tick_head(struct flow *f, msec_t now)
{
	if (now < head_due(f->head))
		return drain_or(f, head_due(f->head));
	head_expire(f->head);
	return drain_or(f, TIMER_NONE);
}

static msec_t flow_tick(struct timer *t, msec_t now)
{
	struct flow *f = container_of(t, struct flow, timer);

	if (f->state == FLOW_RELAY)
		return tick_relay(f, now);
	/* The dial has a clock of its own. */
	if (f->drain_due && now >= f->drain_due)
		flow_close(f, WHY_DRAIN);
	if (f->state == FLOW_HEAD)
		return tick_head(f, now);
	if (f->state == FLOW_FAREWELL)
		return tick_farewell(f, now);
	if (f->state == FLOW_HELD)
		return tick_held(f, now);
	return f->state != FLOW_CLOSING && f->drain_due ? f->drain_due : TIMER_NONE;
}

static void drop_head(struct flow *f)
{
	head_free(f->head);
	f->head = NULL;
}

/* What was read goes first; what was not is looked at, where it may be what it must not be. */
static bool begin_relay(struct flow *f, int client_fd, int server_fd)
{
	struct relay_host *host = &f->flows->host;
	struct head *h = f->head;
	struct relay_opening o = { 0 };
	bool ok;

	if (h && head_rest(h))
		o = (struct relay_opening){ .bytes = h->bytes + h->proxied, .n = head_rest(h) };
	else
		o.look = !(h && h->named) && head_forbids_proxy(f->plan, &f->client);
	ok = relay_start_with(&f->relay, host, f->plan->path, client_fd, server_fd, &o);
	drop_head(f);
	return ok;
}

static void start_relay(struct flow *f, int server_fd)
{
	struct flows *fs = f->flows;
	int client_fd = f->client_fd;

	leave_shelter(f);
	free(f->greeting);
	f->greeting = NULL;
	f->connect_ms = (uint32_t)(fs->host.now - f->started) - f->head_ms;
	f->client_fd = -1;
	f->relayed = true;
	fs->ledger.accounts[f->to->account].accepted++;
	fs->ledger.accounts[f->to->account].live++;
	latency_note(&fs->ledger.accounts[f->to->account].connects, f->connect_ms);
	life_enter(f, FLOW_RELAY);
	if (!begin_relay(f, client_fd, server_fd)) {
		flow_close(f, WHY_ERROR);
		return;
	}
	timer_set(fs->timers, &f->timer, tick_relay(f, fs->host.now));
}

static void say_farewell(struct flow *f)
{
	life_enter(f, FLOW_FAREWELL);
	shelter_say_farewell(f->client_fd);
	f->shelter_due = f->flows->host.now + shelter_patience(f);
}

/* No server can be reached, for that reason: it is what the log says in the end, whatever comes before the end. */
static void take_shelter(struct flow *f, enum why why)
{
	enum shelter offer = shelter_offer(f, why);
	msec_t now = f->flows->host.now;

	if (offer == SHELTER_NONE || (f->held && offer == SHELTER_HOLD && now >= f->shelter_due)) {
		flow_close(f, why);
		return;
	}
	f->flows->nsheltered += !f->sheltered;
	f->sheltered = true;
	f->why = (uint8_t)why;
	if (offer == SHELTER_FAREWELL) {
		say_farewell(f);
	} else {
		if (f->state != FLOW_HELD)
			life_enter(f, FLOW_HELD);
		if (!f->held) {
			f->held = now;
			f->shelter_due = now + shelter_patience(f);
		}
		f->dial_due = now + shelter_pause(why, f->held, now);
	}
	timer_set(f->flows->timers, &f->timer, now + SHELTER_LOOK);
}

/* Nobody was reached. */
static void fail_dial(struct flow *f, int error)
{
	if (why_of_connect(error) == WHY_ERROR || error == -EPROTO)
		life_complain(f, error);
	take_shelter(f, why_of_connect(error));
}

static void on_dialled(struct dial *d, int fd)
{
	struct flow *f = d->owner;
	bool client_gone = d->client_gone, moved = d->moved;
	int error = d->error;

	f->server = d->chosen->at;
	f->retries = (uint8_t)(d->begun - 1);
	f->on = d->chosen->server;
	dial_free(d);
	f->dial = NULL;
	if (f->state == FLOW_CLOSING)
		return;
	if (fd >= 0)
		start_relay(f, fd);
	else if (client_gone)
		flow_close(f, WHY_CLIENT_RESET);
	else if (moved)
		start_dial(f);
	else
		fail_dial(f, error);
}

/* From the free list; memory is taken only while the number of flows reaches a new height. */
static struct flow *new_flow(struct flows *fs)
{
	struct flow *f = fs->unused;

	if (f)
		fs->unused = (struct flow *)f->node.next;
	else
		f = malloc(sizeof(*f));
	return f;
}

static void refuse(struct flows *fs, int fd)
{
	reset_on_close(fd);
	ring_close_fd(fs->host.ring, fd);
}

static struct flow *enroll(struct flows *fs, const struct plan_entry *plan, int fd)
{
	struct flow *f = new_flow(fs);

	if (!f)
		return NULL;
	*f = (struct flow){ .flows = fs,
			    .plan = plan,
			    .id = fs->next_id,
			    .client_fd = fd,
			    .started = fs->host.now,
			    .looked = fs->host.now,
			    .connect_ms = CONNECT_NONE,
			    .timer.tick = flow_tick };
	fs->next_id += fs->id_step;
	fs->count++;
	fs->ledger.accepted++;
	fs->ledger.accounts[plan->account].accepted++;
	fs->ledger.accounts[plan->account].live++;
	generation_get(plan->generation);
	list_init(&f->node);
	list_add(&fs->live, &f->node);
	return f;
}

/* Everything it needs, or nothing and a negative errno. */
static int prepare_dial(struct flow *f)
{
	struct flows *fs = f->flows;
	const struct dial_plan *plan = &f->to->dial;
	const struct backend_conf *b = f->to->backend;
	struct choice choices[POOL_CHOICES_MAX];
	struct addr local = { 0 };
	int error = 0;
	size_t n;

	n = pool_choose(plan->pool, &f->client, plan->port, choices, &error);
	if (!n)
		return error;
	if (f->head && f->head->pp.dst.sa.sa_family != AF_UNSPEC)
		local = f->head->pp.dst;
	else if (b->send_proxy != PP_OFF)
		addr_of_socket(f->client_fd, &local);
	if (!f->greeting)
		error = greeting_make(&f->greeting, b, f->id, &f->client, &local, f->head);
	if (error)
		return error;
	f->dial = dial_new(fs->host.ring, fs->timers, plan, choices, n);
	return f->dial ? 0 : -ENOMEM;
}

static void start_dial(struct flow *f)
{
	const struct greeting *g;
	int error = prepare_dial(f);

	if (error) {
		fail_dial(f, error);
		return;
	}
	life_enter(f, FLOW_DIAL);
	if (f->drain_due)
		timer_set(f->flows->timers, &f->timer, f->drain_due);
	g = f->greeting;
	f->dial->owner = f;
	f->dial->done = on_dialled;
	dial_start(f->dial, g ? g->bytes : NULL, g ? g->len : 0, f->client_fd, &f->flows->host.now);
}

bool flow_screen(struct flow *f)
{
	struct screen *s = &f->flows->screen;
	msec_t now = f->flows->host.now;
	struct verdict v;

	screen_leave(s, f->source, now);
	v = screen_client(s, f->plan, &f->client, f->state == FLOW_NEW ? f->client_fd : -1, now,
			  &f->source);
	if (v.why == WHY_NONE)
		return true;
	f->dismissal = (uint8_t)v.how;
	flow_close(f, v.why);
	return false;
}

/* It leads there. */
static void lead(struct flow *f, size_t route)
{
	f->to = &f->plan->to[route];
	f->head_ms = (uint32_t)(f->flows->host.now - f->started);
	start_dial(f);
}

static void on_head(struct head *h)
{
	struct flow *f = h->owner;

	f->client = h->client;
	if (h->why != WHY_NONE)
		flow_close(f, h->why);
	else if (!h->named || flow_screen(f))
		lead(f, h->route);
}

/* What its first bytes have to tell. */
static void start_head(struct flow *f)
{
	struct flows *fs = f->flows;

	f->head = head_new(fs->host.ring, f->plan, f->client_fd, &f->client, &fs->host.now);
	if (!f->head) {
		flow_close(f, WHY_ERROR);
		return;
	}
	f->head->owner = f;
	f->head->done = on_head;
	life_enter(f, FLOW_HEAD);
	head_start(f->head);
	if (f->state == FLOW_HEAD)
		timer_set(fs->timers, &f->timer, drain_or(f, head_due(f->head)));
}

/* Where it leads, if no byte of it has to tell. */
static void find_way(struct flow *f)
{
	size_t route;

	if (head_wanted(f->plan, &f->client, &route))
		start_head(f);
	else if (route == ROUTER_NONE)
		flow_close(f, WHY_NO_ROUTE);
	else
		lead(f, route);
}

void flow_open(struct flows *fs, const struct plan_entry *plan, int fd, bool admitted,
	       msec_t drain_due)
{
	struct flow *f = enroll(fs, plan, fd);

	if (!f) {
		refuse(fs, fd);
		if (admitted)
			gate_leave(plan->gate, fs->admit);
		return;
	}
	f->admitted = admitted;
	f->drain_due = drain_due;
	if (!addr_of_peer(fd, &f->client)) {
		/* Gone before we looked: ENOTCONN. */
		flow_close(f, WHY_CLIENT_RESET);
		return;
	}
	/* Whom a proxy speaks for is judged when it has said so. */
	if (!head_must_name(plan, &f->client) && !flow_screen(f))
		return;
	if (!admitted) {
		flow_close(f, WHY_LIMIT_FLOWS);
		return;
	}
	find_way(f);
}

bool flow_reap(struct flow *f)
{
	struct flows *fs = f->flows;

	if (f->relayed ? !relay_reap(&f->relay) : f->dial != NULL)
		return false;
	if (f->head && head_busy(f->head))
		return false;
	drop_head(f);
	free(f->greeting);
	list_del(&f->node);
	if (f->admitted)
		gate_leave(f->plan->gate, fs->admit);
	generation_put(f->plan->generation);
	f->node.next = (struct list *)fs->unused;
	fs->unused = f;
	fs->count--;
	return true;
}

void flow_drain(struct flow *f, msec_t due)
{
	f->drain_due = f->drain_due ? min_of(f->drain_due, due) : due;
	/* Its own tick decides what that means for it. */
	timer_set(f->flows->timers, &f->timer, f->flows->host.now);
}
