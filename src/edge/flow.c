#include "edge/flow.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "backend/leg_options.h"
#include "base/log.h"
#include "config/profile.h"
#include "edge/generation.h"
#include "edge/record.h"

static const unsigned may_follow[] = {
	[FLOW_NEW] = BIT(FLOW_DIAL) | BIT(FLOW_CLOSING),
	[FLOW_DIAL] = BIT(FLOW_RELAY) | BIT(FLOW_CLOSING),
	[FLOW_RELAY] = BIT(FLOW_CLOSING),
	[FLOW_CLOSING] = 0,
};

static void flow_enter(struct flow *f, enum flow_state next)
{
	if (!(may_follow[f->state] & BIT(next)))
		panic("flow %llx: state %d cannot follow %d", (unsigned long long)f->id, next,
		      f->state);
	f->state = (uint8_t)next;
}

/* Strangers can make as many of those as they like: refused, or gone before we looked. */
static bool is_common(const struct flow *f)
{
	return why_is_refusal((enum why)f->why) || f->client.sa.sa_family == AF_UNSPEC;
}

static void log_flow(const struct flow *f)
{
	struct record r = {
		.flow = f->id,
		.listener = f->plan->conf->section.name,
		.port = addr_port(&f->plan->at),
		.client = f->client,
		.backend = f->to->backend->section.name,
		.server = f->server,
		.server_name = f->on && f->server.sa.sa_family == AF_UNSPEC ? f->on->host : NULL,
		.path = flow_path_name(f),
		.up = flow_moved(f, CLIENT),
		.down = flow_moved(f, SERVER),
		.connect_ms = f->connect_ms,
		.ms = f->flows->host.now - f->started,
		.why = (enum why)f->why,
		.flows = atomic_load_explicit(&f->flows->admit->flows, memory_order_relaxed),
		.listener_flows = f->flows->ledger.accounts[f->plan->account].live,
		.backend_flows = f->flows->ledger.accounts[f->to->account].live,
		.retries = f->retries,
	};
	struct line line;

	if (!log_wants(LOG_INFO))
		return;
	if (is_common(f) && !sampler_wants(&f->flows->sampler, r.why, f->flows->host.now))
		return;
	record_line(&r, log_format(), &line);
	log_line(&line);
}

uint64_t flow_moved(const struct flow *f, enum side from)
{
	return f->relayed ? f->relay.half[from].moved : 0;
}

static void leave_server(struct flow *f)
{
	bool by_server = f->why == WHY_SERVER_EOF || f->why == WHY_SERVER_RESET;

	if (by_server && !flow_moved(f, SERVER))
		server_note(f->on, &f->server, HEALTH_CLOSED_EARLY);
	server_leave(f->on);
	f->on = NULL;
}

/* The other half of enroll(). */
static void settle_accounts(struct flow *f)
{
	struct ledger *l = &f->flows->ledger;
	struct account *listener = &l->accounts[f->plan->account];
	struct account *backend = &l->accounts[f->to->account];

	l->ends[f->why]++;
	l->up += flow_moved(f, CLIENT);
	l->down += flow_moved(f, SERVER);
	listener->live--;
	listener->up += flow_moved(f, CLIENT);
	listener->down += flow_moved(f, SERVER);
	if (f->relayed) {
		ledger_count_path(l, relay_path_name(&f->relay));
		backend->live--;
		backend->up += flow_moved(f, CLIENT);
		backend->down += flow_moved(f, SERVER);
		leave_server(f);
	} else if (why_is_refusal((enum why)f->why)) {
		l->refusals[f->why]++;
		listener->refused++;
	} else {
		backend->refused++;
	}
}

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

/* The one way out; the first reason wins. */
static void flow_end(struct flow *f, enum why why, bool reset)
{
	enum flow_state was = (enum flow_state)f->state;

	if (was == FLOW_CLOSING)
		return;
	f->why = (uint8_t)why;
	flow_enter(f, FLOW_CLOSING);
	timer_stop(f->flows->timers, &f->timer);
	if (was == FLOW_RELAY)
		relay_close(&f->relay, reset);
	else if (was == FLOW_DIAL && f->dial)
		dial_stop(f->dial);
	drop_client(f, reset);
	screen_leave(&f->flows->screen, f->source, f->flows->host.now);
	f->source = NULL;
	list_del(&f->node);
	list_add(&f->flows->dying, &f->node);
	log_flow(f);
	settle_accounts(f);
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
		flow_close(f, WHY_ERROR);
}

/* At rest for so long, a flow that has to go may go. */
#define REST 1000

/* Where nobody loses anything by it, the end comes before the deadline. */
static msec_t tick_drain(struct flow *f, msec_t now)
{
	msec_t rested = f->relay.last_moved + REST;

	if (now >= f->drain_due) {
		flow_close(f, WHY_DRAIN);
		return TIMER_NONE;
	}
	if (!profile_ends_idle(f->plan->profile))
		return f->drain_due;
	if (now < rested || !relay_at_rest(&f->relay))
		return min_of(f->drain_due, max_of(rested, now + REST / 2));
	flow_end(f, WHY_DRAIN, false);
	return TIMER_NONE;
}

/* Traffic only stamps relay.last_moved; here is decided what that means. */
static msec_t tick_relay(struct flow *f, msec_t now)
{
	bool half = relay_half_closed(&f->relay);
	const struct destination *t = f->to;
	msec_t limit = half ? min_of(t->half_closed, t->idle) : t->idle;
	/* A half-close may come at any time: look again before its limit could have passed. */
	msec_t look = half ? limit : min_of(limit, t->half_closed);
	msec_t drain = f->drain_due ? tick_drain(f, now) : TIMER_NONE;

	if (f->state == FLOW_CLOSING)
		return TIMER_NONE;

	if (now - f->relay.last_moved >= limit) {
		flow_close(f, half ? WHY_HALF_CLOSED : WHY_IDLE);
		return TIMER_NONE;
	}
	return min_of(drain, min_of(f->relay.last_moved + limit, now + look));
}

static msec_t flow_tick(struct timer *t, msec_t now)
{
	struct flow *f = container_of(t, struct flow, timer);

	if (f->state == FLOW_RELAY)
		return tick_relay(f, now);
	/* The dial has a clock of its own. */
	if (f->drain_due && now >= f->drain_due)
		flow_close(f, WHY_DRAIN);
	return f->state != FLOW_CLOSING && f->drain_due ? f->drain_due : TIMER_NONE;
}

/* Not for each flow: what fails for one fails for thousands, and their lines say it too. */
#define COMPLAIN_EVERY 10000

static void complain(const struct flow *f, int error)
{
	const struct backend_conf *b = f->to->backend;
	struct flows *fs = f->flows;

	if (fs->complained && fs->host.now - fs->complained < COMPLAIN_EVERY)
		return;
	fs->complained = fs->host.now;
	if (error == -EADDRNOTAVAIL)
		log_warn(
			"no source port is left towards backend %s: widen net.ipv4.ip_local_port_range, or "
			"give the backend more addresses",
			b->section.name);
	else if (error == -ENXIO)
		log_warn("backend %s: source: that address is none of this machine's now",
			 b->section.name);
	else if (error == -EPROTO)
		log_warn("backend %s: via: what answers at %s is no SOCKS5 proxy", b->section.name,
			 b->via.host);
	else
		log_warn("backend %s: connect failed: %s", b->section.name, strerror(-error));
}

static void start_relay(struct flow *f, int server_fd)
{
	struct flows *fs = f->flows;
	int client_fd = f->client_fd;

	f->connect_ms = (uint32_t)(fs->host.now - f->started);
	f->client_fd = -1;
	f->relayed = true;
	fs->ledger.accounts[f->to->account].accepted++;
	fs->ledger.accounts[f->to->account].live++;
	latency_note(&fs->ledger.accounts[f->to->account].connects, f->connect_ms);
	flow_enter(f, FLOW_RELAY);
	relay_start(&f->relay, &fs->host, f->plan->path, client_fd, server_fd);
	timer_set(fs->timers, &f->timer, tick_relay(f, fs->host.now));
}

/* Nobody was reached. */
static void fail_dial(struct flow *f, int error)
{
	if (why_of_connect(error) == WHY_ERROR || error == -EPROTO)
		complain(f, error);
	flow_close(f, why_of_connect(error));
}

static void on_dialled(struct dial *d, int fd)
{
	struct flow *f = d->owner;
	bool client_gone = d->client_gone;
	int error = d->error;

	free(f->greeting);
	f->greeting = NULL;
	f->server = d->chosen->at;
	f->retries = (uint8_t)(d->begun - 1);
	f->on = fd >= 0 ? d->chosen->server : NULL;
	dial_free(d);
	f->dial = NULL;
	if (f->state == FLOW_CLOSING)
		return;
	if (fd >= 0)
		start_relay(f, fd);
	else if (client_gone)
		flow_close(f, WHY_CLIENT_RESET);
	else
		fail_dial(f, error);
}

static bool read_name(int fd, int (*call)(int, struct sockaddr *, socklen_t *), struct addr *out)
{
	struct sockaddr_storage name;
	socklen_t len = sizeof(name);

	*out = (struct addr){ 0 };
	if (call(fd, (struct sockaddr *)&name, &len) < 0)
		return false;
	addr_from_sockaddr(out, (struct sockaddr *)&name);
	addr_fold(out);
	return true;
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
			    .to = plan->to,
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
	if (b->send_proxy != PP_OFF)
		read_name(f->client_fd, getsockname, &local);
	error = greeting_make(&f->greeting, b, &f->client, &local);
	if (error)
		return error;
	f->dial = dial_new(fs->host.ring, fs->timers, plan, choices, n);
	if (f->dial)
		return 0;
	free(f->greeting);
	f->greeting = NULL;
	return -ENOMEM;
}

static void start_dial(struct flow *f)
{
	const struct greeting *g;
	int error = prepare_dial(f);

	if (error) {
		fail_dial(f, error);
		return;
	}
	flow_enter(f, FLOW_DIAL);
	if (f->drain_due)
		timer_set(f->flows->timers, &f->timer, f->drain_due);
	g = f->greeting;
	f->dial->owner = f;
	f->dial->done = on_dialled;
	dial_start(f->dial, g ? g->bytes : NULL, g ? g->len : 0, f->client_fd, f->flows->host.now);
}

bool flow_screen(struct flow *f)
{
	struct screen *s = &f->flows->screen;
	msec_t now = f->flows->host.now;
	struct verdict v;

	screen_leave(s, f->source, now);
	v = screen_client(s, f->plan, &f->client, now, &f->source);
	if (v.why == WHY_NONE)
		return true;
	f->dismissal = (uint8_t)v.how;
	flow_close(f, v.why);
	return false;
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
	if (!read_name(fd, getpeername, &f->client)) {
		/* Gone before we looked: ENOTCONN. */
		flow_close(f, WHY_CLIENT_RESET);
		return;
	}
	if (!flow_screen(f))
		return;
	if (!admitted) {
		flow_close(f, WHY_LIMIT_FLOWS);
		return;
	}
	start_dial(f);
}

bool flow_reap(struct flow *f)
{
	struct flows *fs = f->flows;

	if (f->relayed ? !relay_reap(&f->relay) : f->dial != NULL)
		return false;
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

const char *flow_state_name(const struct flow *f)
{
	static const char *const names[] = {
		[FLOW_NEW] = "new", [FLOW_DIAL] = "dial", [FLOW_RELAY] = "relay", [FLOW_CLOSING] = "closing"
	};

	return names[f->state];
}

const char *flow_path_name(const struct flow *f)
{
	return f->relayed ? relay_path_name(&f->relay) : f->plan->path->name;
}
