#include "edge/flow.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "edge/record.h"

enum flow_state { FLOW_NEW, FLOW_DIAL, FLOW_RELAY, FLOW_CLOSING };

struct flow {
	struct list node; /* on flows->live or dying; `node.next` links unused ones */
	struct flows *flows;
	const struct plan_entry *plan;
	struct timer timer;
	uint64_t id;
	msec_t started;
	uint32_t connect_ms;
	int client_fd; /* until the relay takes it; -1 then */
	uint8_t state, why;
	bool admitted, relayed;
	struct addr client, server;
	/* One after the other, never both. */
	union {
		struct dial dial;
		struct relay relay;
	};
};

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

static void log_flow(const struct flow *f)
{
	struct record r = {
		.flow = f->id,
		.listener = f->plan->conf->section.name,
		.port = addr_port(&f->plan->at),
		.client = f->client,
		.backend = f->plan->backend->section.name,
		.server = f->server,
		.path = f->plan->path->name,
		.connect_ms = f->connect_ms,
		.ms = f->flows->host.now - f->started,
		.why = (enum why)f->why,
	};
	struct line line;

	if (!log_wants(LOG_INFO))
		return;
	if (f->relayed) {
		r.path = relay_path_name(&f->relay);
		r.up = f->relay.half[CLIENT].moved;
		r.down = f->relay.half[SERVER].moved;
	}
	record_line(&r, log_format(), &line);
	log_line(&line);
}

static void drop_client(struct flow *f, bool reset)
{
	if (f->client_fd < 0)
		return;
	if (reset)
		reset_on_close(f->client_fd);
	ring_close_fd(f->flows->host.ring, f->client_fd);
	f->client_fd = -1;
}

/* The one way out; the first reason wins. Anything but an orderly end resets both legs. */
static void flow_close(struct flow *f, enum why why)
{
	bool reset = why != WHY_CLIENT_EOF && why != WHY_SERVER_EOF;
	enum flow_state was = (enum flow_state)f->state;

	if (was == FLOW_CLOSING)
		return;
	f->why = (uint8_t)why;
	flow_enter(f, FLOW_CLOSING);
	timer_stop(f->flows->timers, &f->timer);
	if (was == FLOW_RELAY)
		relay_close(&f->relay, reset);
	else if (was == FLOW_DIAL)
		dial_stop(&f->dial);
	drop_client(f, reset);
	list_del(&f->node);
	list_add(&f->flows->dying, &f->node);
	log_flow(f);
}

static void on_relay_ended(struct relay *r, enum relay_end end)
{
	struct flow *f = container_of(r, struct flow, relay);

	if (end == RELAY_CLOSED)
		flow_close(f, r->first_end == CLIENT ? WHY_CLIENT_EOF : WHY_SERVER_EOF);
	else if (end == RELAY_BROKEN)
		flow_close(f, r->broken_side == CLIENT ? WHY_CLIENT_RESET : WHY_SERVER_RESET);
	else
		flow_close(f, WHY_ERROR);
}

/* Traffic only stamps relay.last_moved; here is decided what that means. */
static msec_t tick_relay(struct flow *f, msec_t now)
{
	bool half = relay_half_closed(&f->relay);
	const struct timeouts *t = &f->plan->client;
	msec_t limit = half ? min_of(t->half_closed, t->idle) : t->idle;
	/* A half-close may come at any time: look again before its limit could have passed. */
	msec_t look = half ? limit : min_of(limit, t->half_closed);

	if (now - f->relay.last_moved >= limit) {
		flow_close(f, half ? WHY_HALF_CLOSED : WHY_IDLE);
		return TIMER_NONE;
	}
	return min_of(f->relay.last_moved + limit, now + look);
}

static msec_t flow_tick(struct timer *t, msec_t now)
{
	struct flow *f = container_of(t, struct flow, timer);

	if (f->state == FLOW_RELAY)
		return tick_relay(f, now);
	/* The next address, if there is one, gets its own time. */
	dial_expire(&f->dial);
	return f->state == FLOW_DIAL ? now + f->plan->backend->connect_timeout : TIMER_NONE;
}

static enum why why_not_connected(int error)
{
	switch (error) {
	case -ETIMEDOUT:
		return WHY_CONNECT_TIMEOUT;
	case -ECONNRESET:
	case -EPIPE:
		/* It had accepted: a refusal answers the SYN with ECONNREFUSED. */
		return WHY_SERVER_RESET;
	case -ECONNREFUSED:
	case -EHOSTUNREACH:
	case -ENETUNREACH:
	case -EACCES:
	case -EPERM:
		return WHY_CONNECT_REFUSED;
	default:
		return WHY_ERROR;
	}
}

/* Not for each flow: what fails for one fails for thousands, and their lines say it too. */
#define COMPLAIN_EVERY 10000

static void say_why_error(const struct flow *f, int error)
{
	struct flows *fs = f->flows;

	if (fs->complained && fs->host.now - fs->complained < COMPLAIN_EVERY)
		return;
	fs->complained = fs->host.now;
	if (error == -EADDRNOTAVAIL)
		log_warn(
			"no source port is left towards backend %s: widen net.ipv4.ip_local_port_range, or "
			"give the backend more addresses",
			f->plan->backend->section.name);
	else
		log_warn("backend %s: connect failed: %s", f->plan->backend->section.name,
			 strerror(-error));
}

static void start_relay(struct flow *f, int server_fd)
{
	struct flows *fs = f->flows;
	int client_fd = f->client_fd;

	f->connect_ms = (uint32_t)(fs->host.now - f->started);
	f->client_fd = -1;
	f->relayed = true;
	flow_enter(f, FLOW_RELAY);
	relay_start(&f->relay, &fs->host, f->plan->path, client_fd, server_fd);
	timer_set(fs->timers, &f->timer, tick_relay(f, fs->host.now));
}

static void on_dialled(struct dial *d, int fd)
{
	struct flow *f = container_of(d, struct flow, dial);
	int error = d->error;

	f->server = d->to;
	if (f->state == FLOW_CLOSING)
		return;
	if (fd >= 0) {
		start_relay(f, fd);
		return;
	}
	if (why_not_connected(error) == WHY_ERROR)
		say_why_error(f, error);
	flow_close(f, why_not_connected(error));
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
			    .id = fs->next_id,
			    .client_fd = fd,
			    .started = fs->host.now,
			    .connect_ms = CONNECT_NONE,
			    .timer.tick = flow_tick };
	fs->next_id += fs->id_step;
	fs->count++;
	list_init(&f->node);
	list_add(&fs->live, &f->node);
	return f;
}

void flow_open(struct flows *fs, const struct plan_entry *plan, int fd, bool admitted)
{
	struct flow *f = enroll(fs, plan, fd);
	struct addr local = { 0 };

	if (!f) {
		refuse(fs, fd);
		if (admitted)
			admit_leave(fs->admit);
		return;
	}
	f->admitted = admitted;
	if (!read_name(fd, getpeername, &f->client)) {
		/* Gone before we looked: ENOTCONN. */
		flow_close(f, WHY_CLIENT_RESET);
		return;
	}
	if (!admitted) {
		flow_close(f, WHY_LIMIT_FLOWS);
		return;
	}
	if (plan->backend->send_proxy != PP_OFF)
		read_name(fd, getsockname, &local);
	flow_enter(f, FLOW_DIAL);
	timer_set(fs->timers, &f->timer, fs->host.now + plan->backend->connect_timeout);
	dial_start(&f->dial, fs->host.ring, &plan->dial, &f->client, &local, on_dialled);
}

static bool reap(struct flow *f)
{
	struct flows *fs = f->flows;

	if (f->relayed ? !relay_reap(&f->relay) : dial_busy(&f->dial))
		return false;
	list_del(&f->node);
	if (f->admitted)
		admit_leave(fs->admit);
	f->node.next = (struct list *)fs->unused;
	fs->unused = f;
	fs->count--;
	return true;
}

static void run_spent(struct flows *fs)
{
	struct list again, *node;

	/* Those that spend their share again wait for the next turn. */
	list_init(&again);
	while ((node = list_pop(&fs->host.runnable)))
		list_add(&again, node);
	while ((node = list_pop(&again)))
		relay_resume(container_of(node, struct relay, runnable));
}

size_t flows_sweep(struct flows *fs)
{
	size_t freed = 0;

	run_spent(fs);
	list_each(node, &fs->dying)
		freed += reap(container_of(node, struct flow, node));
	return freed;
}

void flows_close_all(struct flows *fs, enum why why)
{
	list_each(node, &fs->live)
		flow_close(container_of(node, struct flow, node), why);
}

void flows_init(struct flows *fs, struct timers *timers, struct admit *admit, uint64_t first,
		uint64_t step)
{
	fs->timers = timers;
	fs->admit = admit;
	fs->next_id = first;
	fs->id_step = step;
	fs->host.ended = on_relay_ended;
	fs->unused = NULL;
	fs->count = 0;
	fs->complained = 0;
	list_init(&fs->host.runnable);
	list_init(&fs->live);
	list_init(&fs->dying);
}

void flows_finish(struct flows *fs)
{
	struct flow *f;

	while ((f = fs->unused)) {
		fs->unused = (struct flow *)f->node.next;
		free(f);
	}
}
