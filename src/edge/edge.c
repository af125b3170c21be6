#include "edge/edge.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/log.h"
#include "base/memory.h"
#include "edge/checks.h"
#include "edge/machine.h"
#include "config/keys.h"
#include "engine/ring.h"
#include "engine/timer.h"
#include "relay/paths.h"

/* Milliseconds that the start waits for names. */
#define FIRST_ANSWERS 1000

int edge_open(struct edge *e)
{
	int err;

	*e = (struct edge){ .sources = sources_open() };
	err = e->sources ? mailbox_open(&e->replies) : -ENOMEM;
	if (err < 0)
		return err;
	err = registry_open(&e->registry);
	if (err < 0) {
		mailbox_close(&e->replies);
		return err;
	}
	err = checker_open(&e->checker, &e->registry);
	if (err < 0) {
		registry_close(&e->registry);
		mailbox_close(&e->replies);
	}
	return err;
}

static void budget_descriptors(struct edge *e, const struct generation *g)
{
	struct rlimit limit;
	size_t fixed = machine_fixed_fds(g->config, e->nworkers, g->plan.count), max;
	size_t asked = (size_t)g->config->global.max_flows;

	getrlimit(RLIMIT_NOFILE, &limit);
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
	getrlimit(RLIMIT_NOFILE, &limit);
	e->budget = admit_budget((size_t)min_of(limit.rlim_cur, (rlim_t)1 << 30), fixed);
	max = asked ? asked : e->budget.max_flows;
	if (max == admit_limit(&e->admit))
		return;
	log_info(
		"max-flows %zu: RLIMIT_NOFILE %zu less %zu fixed and %zu for pipes, two for each flow",
		max, e->budget.limit, fixed, 2 * e->budget.pipes);
	admit_set_limit(&e->admit, max);
}

/* After a reload perhaps at another socket; and there may be new names. */
static void follow_tailnet(struct edge *e)
{
	const char *socket = e->current->config->global.tailscale;

	if (e->tailnet && strcmp(tailnet_socket(e->tailnet), socket) == 0) {
		tailnet_look(e->tailnet);
		return;
	}
	tailnet_close(e->tailnet);
	e->tailnet = NULL;
	if (strcmp(socket, TAILSCALE_OFF) != 0)
		e->tailnet = tailnet_open(socket, &e->registry.names);
}

static void set_gates(struct edge *e, const struct config *c)
{
	for (size_t i = 0; i < c->nlistens; i++) {
		const struct listen_conf *l = &c->listens[i];

		admit_set_limit(&gate_of(&e->gates, l->section.name)->admit,
				l->max_flows ? (size_t)l->max_flows : SIZE_MAX);
	}
}

static void send_orders(struct edge *e, struct order **orders)
{
	for (size_t i = 0; i < e->nworkers; i++) {
		worker_tell(&e->workers[i], orders[i]);
		orders[i] = NULL;
	}
}

static void put_into_force(struct edge *e, struct generation *g, struct bindings_change *change)
{
	const struct global_conf *global = &g->config->global;

	for (size_t i = 0; i < e->nworkers; i++)
		change->orders[i]->serve.accounts = e->roster.count;
	log_setup((enum line_format)global->log, (enum log_level)global->log_level);
	budget_descriptors(e, g);
	set_gates(e, g->config);
	checks_order(&e->checker, g);
	if (e->workers) {
		send_orders(e, change->orders);
	} else {
		e->unsent = change->orders;
		change->orders = NULL;
		change->norders = 0;
	}
	bindings_commit(&e->bindings, change);
	generation_put(e->current);
	e->current = g;
	if (e->workers)
		follow_tailnet(e);
}

/* A path that cannot be had is no reason not to serve. */
static void prepare_paths(const struct edge *e, const struct generation *g, struct report *report)
{
	const struct listen_conf *last = NULL;

	for (size_t i = 0; i < g->plan.count; i++) {
		const struct plan_entry *p = &g->plan.at[i];
		const char *why;

		if (p->conf == last)
			continue;
		last = p->conf;
		why = path_prepare(p->path, e->workers ? 0 : e->nworkers);
		if (why)
			report_lint(report, key_line(SECTION_LISTEN, &p->conf->section, "path"), 1,
				    NULL, "path: %s: %s; its flows are spliced", p->path->name,
				    why);
	}
}

bool edge_configure(struct edge *e, struct config *config, struct plan *plan,
		    struct edge_change *out, struct report *report)
{
	struct generation *g = generation_open(config, plan, &e->roster, &e->gates, &e->registry);
	struct bindings_change change;

	if (!e->nworkers)
		e->nworkers = machine_workers(g->config);
	if (!bindings_prepare(&e->bindings, g, e->nworkers, &change, report)) {
		generation_put(g);
		return false;
	}
	prepare_paths(e, g, report);
	put_into_force(e, g, &change);
	if (out) {
		*out = (struct edge_change){ change.added, change.removed, change.kept };
		change.added = change.removed = (struct addrs){ 0 };
	}
	bindings_discard(&change);
	return true;
}

void edge_change_finish(struct edge_change *change)
{
	free(change->added.at);
	free(change->removed.at);
	*change = (struct edge_change){ 0 };
}

void edge_give_sockets(struct edge *e, uid_t uid, gid_t gid)
{
	for (size_t i = 0; e->unsent && i < e->nworkers; i++)
		for (size_t k = 0; k < e->unsent[i]->serve.count; k++)
			(void)!fchown(e->unsent[i]->serve.at[k].fd, uid, gid);
}

static bool start_worker(struct edge *e, size_t i, char *why, size_t size)
{
	struct worker *w = &e->workers[i];
	int err;

	*w = (struct worker){ .replies = &e->replies,
			      .admit = &e->admit,
			      .sources = e->sources,
			      .index = i,
			      .of = e->nworkers,
			      .pipes_budget = max_of(e->budget.pipes / e->nworkers, (size_t)1) };
	err = worker_start(w);
	if (err) {
		ring_explain(err, why, size);
		return false;
	}
	e->nrunning++;
	return true;
}

/* The edge serves even if no name resolves yet; that the first clients are not turned away is worth a moment. */
static bool start_resolver(struct edge *e, char *why, size_t size)
{
	const char *words;
	int err = resolver_start(&e->resolver, &e->registry.names, (struct resolver_options){ 0 },
				 &words);

	follow_tailnet(e);
	if (err < 0)
		snprintf(why, size, "DNS cannot be asked: %s", words);
	else
		names_wait(&e->registry.names, FIRST_ANSWERS);
	return err == 0;
}

static bool start_checker(struct edge *e, char *why, size_t size)
{
	int err = checker_start(&e->checker);

	if (err < 0)
		snprintf(why, size, "no thread for checks can be made: %s", strerror(-err));
	return err == 0;
}

bool edge_start(struct edge *e, char *why, size_t size)
{
	bool ok = start_resolver(e, why, size) && start_checker(e, why, size);

	e->workers = memory_zeroed(e->nworkers, sizeof(*e->workers));
	for (size_t i = 0; ok && i < e->nworkers; i++)
		ok = start_worker(e, i, why, size);
	if (!ok) {
		edge_halt(e);
		return false;
	}
	send_orders(e, e->unsent);
	return true;
}

static void answer(struct order *o)
{
	struct inquiry *q = o->inquiry;

	if (q) {
		switch (o->kind) {
		case ORDER_LOOK:
			ledger_add(&q->order.look, &o->look);
			break;
		case ORDER_LIST:
			listing_merge(&q->order.list, &o->list);
			break;
		case ORDER_KILL:
			q->order.kill.found |= o->kill.found;
			break;
		case ORDER_BAN:
			q->order.ban.ended += o->ban.ended;
			break;
		default:
			break;
		}
		if (--q->missing == 0)
			q->done(q);
	}
	order_free(o);
}

/* What was sent to it too late is answered as by a worker that has nothing. */
static void bury(struct edge *e, struct worker *w)
{
	struct order *o;

	worker_join(w);
	while ((o = worker_undone(w)))
		answer(o);
	worker_free(w);
	e->nrunning--;
}

void edge_hear(struct edge *e)
{
	struct letter *next;

	for (struct letter *l = mailbox_take(&e->replies); l; l = next) {
		struct order *o = container_of(l, struct order, letter);

		next = l->next;
		if (o->kind == ORDER_ENDED)
			bury(e, o->ended);
		answer(o);
	}
}

static struct order *order_for(struct inquiry *q)
{
	struct order *o = order_new(q->order.kind);

	switch (o->kind) {
	case ORDER_LIST:
		o->list = q->order.list;
		break;
	case ORDER_KILL:
		o->kill = q->order.kill;
		break;
	case ORDER_BAN:
		o->ban = q->order.ban;
		o->ban.set = prefixes_get(q->order.ban.set);
		break;
	default:
		break;
	}
	o->inquiry = q;
	return o;
}

void edge_ask(struct edge *e, struct inquiry *q)
{
	/* Before the first answer can come. */
	q->missing = e->nrunning;
	for (size_t i = 0; e->workers && i < e->nworkers; i++)
		if (e->workers[i].state)
			worker_tell(&e->workers[i], order_for(q));
	if (!q->missing)
		q->done(q);
}

/* What workers may still read, until each has been between two turns. */
struct retired {
	struct inquiry inquiry;
	struct prefixes *set;
};

static void on_retired(struct inquiry *q)
{
	struct retired *r = container_of(q, struct retired, inquiry);

	prefixes_put(r->set);
	free(r);
}

static void retire(struct edge *e, struct prefixes *set)
{
	struct retired *r = memory_zeroed(1, sizeof(*r));

	r->set = set;
	r->inquiry.order.kind = ORDER_PING;
	r->inquiry.done = on_retired;
	edge_ask(e, &r->inquiry);
}

msec_t edge_refresh_lists(struct edge *e, msec_t now)
{
	const struct plan *p = &e->current->plan;
	bool any = false;

	for (size_t i = 0; i < p->nlists; i++)
		any |= lists_have_files(p->lists[i]);
	if (!any)
		return TIMER_NONE;
	if (now < e->lists_due)
		return e->lists_due;
	for (size_t i = 0; i < p->nlists; i++) {
		struct prefixes *was = p->lists[i] ? lists_refresh(p->lists[i]) : NULL;

		if (was)
			retire(e, was);
	}
	e->lists_due = now + LISTS_EVERY;
	return e->lists_due;
}

static void tell_all(struct edge *e, enum order_kind kind, const char *listener, msec_t limit)
{
	for (size_t i = 0; e->workers && i < e->nworkers; i++) {
		struct order *o;

		if (!e->workers[i].state)
			continue;
		o = order_new(kind);
		if (kind == ORDER_DRAIN) {
			snprintf(o->drain.listener, sizeof(o->drain.listener), "%s", listener);
			o->drain.limit = limit;
		}
		worker_tell(&e->workers[i], o);
	}
}

bool edge_drain(struct edge *e, const char *listener, msec_t limit)
{
	if (!bindings_leave(&e->bindings, listener) && *listener)
		return false;
	e->ending |= !*listener;
	tell_all(e, ORDER_DRAIN, listener, limit);
	return true;
}

void edge_halt(struct edge *e)
{
	e->ending = true;
	tell_all(e, ORDER_HALT, "", 0);
}

bool edge_ended(const struct edge *e)
{
	return e->nrunning == 0;
}

void edge_close(struct edge *e)
{
	struct letter *next;

	for (struct letter *l = mailbox_take(&e->replies); l; l = next) {
		next = l->next;
		order_free(container_of(l, struct order, letter));
	}
	for (size_t i = 0; e->unsent && i < e->nworkers; i++)
		if (e->unsent[i])
			order_free(e->unsent[i]);
	free(e->unsent);
	free(e->workers);
	bindings_finish(&e->bindings);
	tailnet_close(e->tailnet);
	checker_close(&e->checker);
	resolver_stop(&e->resolver);
	generation_put(e->current);
	registry_close(&e->registry);
	roster_finish(&e->roster);
	gates_finish(&e->gates);
	sources_close(e->sources);
	mailbox_close(&e->replies);
}
