#include "edge/worker.h"

#include <errno.h>
#include <poll.h>
#include <semaphore.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/memory.h"
#include "edge/flows.h"
#include "edge/listener.h"
#include "engine/batching.h"
#include "engine/pipes.h"
#include "relay/marks.h"
#include "relay/outbox.h"
#include "relay/paths.h"

/* The worker's one buffer. What a slow reader leaves of it is kept per half, so it is also the
 * most that the copy path holds for a flow and direction. */
#define BUFFER_SIZE (64 * 1024)

/* Pipes that nobody needed for so long are closed. */
#define TRIM_EVERY 250

/* A paused listener looks again even if no flow of this worker ended: another's may have. */
#define RESUME_EVERY 100

struct state {
	struct worker *worker;
	struct ring *ring;
	struct timers timers;
	struct pipes pipes;
	struct batching batching;
	struct flows flows;
	struct list listeners;
	struct op mail;
	struct timer trim, resume;
	struct order *farewell; /* ORDER_ENDED, made while there is memory */
	bool ending, halted;
	sem_t started;
	int error; /* of the start */
};

static void on_accepted(struct listener *l, int fd, bool admitted)
{
	struct state *s = l->owner;

	flow_open(&s->flows, l->plan, fd, admitted, l->drain_due);
	if (l->paused)
		timer_set(&s->timers, &s->resume, s->flows.host.now + RESUME_EVERY);
}

static void resume_listeners(struct state *s)
{
	list_each(node, &s->listeners)
		listener_resume(container_of(node, struct listener, node));
}

static bool any_paused(const struct state *s)
{
	list_each(node, &s->listeners) {
		const struct listener *l = container_of(node, struct listener, node);

		if (l->paused && !l->closed)
			return true;
	}
	return false;
}

static msec_t tick_resume(struct timer *t, msec_t now)
{
	struct state *s = container_of(t, struct state, resume);

	resume_listeners(s);
	return any_paused(s) ? now + RESUME_EVERY : TIMER_NONE;
}

static msec_t tick_trim(struct timer *t, msec_t now)
{
	struct state *s = container_of(t, struct state, trim);

	pipes_trim(&s->pipes);
	return s->pipes.nopen ? now + TRIM_EVERY : TIMER_NONE;
}

static struct listener *find_listener(struct state *s, const struct addr *at)
{
	list_each(node, &s->listeners) {
		struct listener *l = container_of(node, struct listener, node);

		if (!l->closed && !l->leaving.slot && addr_equal(&l->plan->at, at))
			return l;
	}
	return NULL;
}

static void adopt(struct listener *l, const struct plan_entry *plan)
{
	struct generation *was = l->plan->generation;

	generation_get(plan->generation);
	listener_adopt(l, plan);
	generation_put(was);
}

static void add_listener(struct state *s, struct order_place *p)
{
	struct listener *l = memory_zeroed(1, sizeof(*l));

	l->fd = p->fd;
	l->plan = p->plan;
	l->inherited = p->inherited;
	l->owner = s;
	l->accepted = on_accepted;
	p->fd = -1;
	generation_get(l->plan->generation);
	listener_start(l, s->ring, &s->timers, s->worker->admit);
	list_add(&s->listeners, &l->node);
}

static bool is_wanted(const struct order *o, const struct listener *l)
{
	for (size_t i = 0; i < o->serve.count; i++)
		if (o->serve.at[i].plan == l->plan)
			return true;
	return false;
}

static void serve(struct state *s, struct order *o)
{
	if (s->ending)
		return;
	ledger_make_room(&s->flows.ledger, o->serve.accounts);
	for (size_t i = 0; i < o->serve.count; i++) {
		struct order_place *p = &o->serve.at[i];
		struct listener *l = p->fd < 0 ? find_listener(s, &p->plan->at) : NULL;

		if (l)
			adopt(l, p->plan);
		else if (p->fd >= 0)
			add_listener(s, p);
		else
			panic("a listener that should go on is not there");
	}
	list_each(node, &s->listeners) {
		struct listener *l = container_of(node, struct listener, node);

		if (!is_wanted(o, l))
			listener_leave(l);
	}
}

static void drain(struct state *s, const struct order *o)
{
	msec_t due = s->flows.host.now + o->drain.limit;

	list_each(node, &s->listeners) {
		struct listener *l = container_of(node, struct listener, node);

		if (*o->drain.listener &&
		    strcmp(l->plan->conf->section.name, o->drain.listener) != 0)
			continue;
		l->drain_due = due;
		listener_leave(l);
	}
	flows_drain(&s->flows, o->drain.listener, due);
	if (!*o->drain.listener)
		s->ending = true;
}

static void halt(struct state *s)
{
	s->ending = true;
	list_each(node, &s->listeners)
		listener_close(container_of(node, struct listener, node));
	flows_close_all(&s->flows, WHY_DRAIN);
}

static void renew_bans(struct state *s, struct order *o)
{
	struct prefixes *was = s->flows.screen.bans;

	s->flows.screen.bans = o->ban.set;
	o->ban.set = was;
	if (o->ban.is_new)
		o->ban.ended = flows_deny(&s->flows, &o->ban.net);
}

static void obey(struct state *s, struct order *o)
{
	switch (o->kind) {
	case ORDER_SERVE:
		serve(s, o);
		break;
	case ORDER_DRAIN:
		drain(s, o);
		break;
	case ORDER_HALT:
		halt(s);
		break;
	case ORDER_BAN:
		renew_bans(s, o);
		break;
	case ORDER_KILL:
		o->kill.found = flows_kill(&s->flows, o->kill.id);
		break;
	case ORDER_LOOK:
		flows_look(&s->flows, &o->look);
		break;
	case ORDER_LIST:
		flows_list(&s->flows, &o->list);
		break;
	case ORDER_PING:
	case ORDER_ENDED:
		break;
	}
}

static void send_back(struct worker *w, struct order *o)
{
	if (w->replies)
		mailbox_post(w->replies, &o->letter);
	else
		order_free(o);
}

static void on_mail(struct op *op, int res)
{
	struct state *s = container_of(op, struct state, mail);
	struct letter *next;

	if (s->halted)
		return;
	if (res < 0)
		panic("the mailbox of a worker cannot be polled: errno %d", -res);
	for (struct letter *l = mailbox_take(&s->worker->mailbox); l; l = next) {
		struct order *o = container_of(l, struct order, letter);

		next = l->next;
		obey(s, o);
		send_back(s->worker, o);
	}
	if (!op->armed)
		ring_poll(s->ring, op, s->worker->mailbox.fd, POLLIN);
}

static bool open_state(struct state *s)
{
	struct worker *w = s->worker;

	s->flows.host.buffer = malloc(BUFFER_SIZE);
	s->flows.host.outbox = outbox_open();
	s->flows.host.marks = marks_open();
	s->error = s->flows.host.buffer && s->flows.host.outbox && s->flows.host.marks
			   ? ring_open(&s->ring)
			   : -ENOMEM;
	if (s->error < 0) {
		marks_close(s->flows.host.marks);
		outbox_close(s->flows.host.outbox);
		free(s->flows.host.buffer);
		return false;
	}
	snprintf(w->features, sizeof(w->features), "%s", ring_features(s->ring));
	timers_init(&s->timers);
	pipes_init(&s->pipes, w->pipes_budget);
	s->flows.host.ring = s->ring;
	s->flows.host.worker = w->index;
	s->flows.host.pipes = &s->pipes;
	s->flows.host.buffer_size = BUFFER_SIZE;
	s->flows.host.now = timer_now();
	if (!batching_init(&s->batching, s->flows.host.now) && w->index == 0)
		log_info(
			"scheduling policies cannot be changed: bulk costs more of a core that others use too; remedy: a "
			"seccomp filter that allows sched_setscheduler(2)");
	flows_init(&s->flows, &s->timers, w->admit, w->index + 1, w->of);
	s->flows.screen.sources = w->sources;
	s->trim.tick = tick_trim;
	s->resume.tick = tick_resume;
	s->mail.done = on_mail;
	list_init(&s->listeners);
	s->farewell = order_new(ORDER_ENDED);
	s->farewell->ended = w;
	return true;
}

/* Those that the kernel let go. */
static void sweep_listeners(struct state *s)
{
	list_each(node, &s->listeners) {
		struct listener *l = container_of(node, struct listener, node);

		if (!listener_gone(l))
			continue;
		list_del(&l->node);
		generation_put(l->plan->generation);
		free(l);
	}
}

static void turn(struct state *s)
{
	struct relay_host *host = &s->flows.host;
	msec_t wait = timers_wait(&s->timers, host->now);

	ring_wait(s->ring, list_empty(&host->runnable) ? wait : 0);
	host->now = timer_now();
	host->results = ring_results(s->ring);
	outbox_settle(host);
	ring_dispatch(s->ring);
	timers_run(&s->timers, host->now);
	if (flows_sweep(&s->flows))
		resume_listeners(s);
	sweep_listeners(s);
	batching_turn(&s->batching, host->now, host->bulk);
	if (any_paused(s) && !s->resume.slot)
		timer_set(&s->timers, &s->resume, host->now + RESUME_EVERY);
	if (s->pipes.nopen && !s->trim.slot)
		timer_set(&s->timers, &s->trim, host->now + TRIM_EVERY);
}

static void close_state(struct state *s)
{
	s->halted = true;
	ring_cancel(s->ring, &s->mail);
	while (!paths_leave(&s->flows.host) || s->mail.armed) {
		ring_wait(s->ring, 100);
		ring_dispatch(s->ring);
	}
	pipes_finish(&s->pipes);
	flows_finish(&s->flows);
	timers_finish(&s->timers);
	ring_close(s->ring);
	marks_close(s->flows.host.marks);
	outbox_close(s->flows.host.outbox);
	free(s->flows.host.buffer);
}

static void *run(void *arg)
{
	struct state *s = arg;
	bool open = open_state(s);

	if (open)
		ring_poll(s->ring, &s->mail, s->worker->mailbox.fd, POLLIN);
	sem_post(&s->started);
	if (!open)
		return NULL;
	/* A client accepted before the cancel took hold is a flow like any other. */
	while (!s->ending || s->flows.count || !list_empty(&s->listeners))
		turn(s);
	close_state(s);
	send_back(s->worker, s->farewell);
	return NULL;
}

static int start_thread(struct worker *w, struct state *s)
{
	int err = -pthread_create(&w->thread, NULL, run, s);

	if (err)
		return err;
	while (sem_wait(&s->started) < 0)
		;
	if (s->error)
		pthread_join(w->thread, NULL);
	return s->error;
}

int worker_start(struct worker *w)
{
	struct state *s = calloc(1, sizeof(*s));
	int err = s ? mailbox_open(&w->mailbox) : -ENOMEM;

	if (err) {
		free(s);
		return err;
	}
	s->worker = w;
	sem_init(&s->started, 0, 0);
	err = start_thread(w, s);
	if (!err) {
		w->state = s;
		return 0;
	}
	mailbox_close(&w->mailbox);
	sem_destroy(&s->started);
	free(s);
	return err;
}

void worker_tell(struct worker *w, struct order *o)
{
	mailbox_post(&w->mailbox, &o->letter);
}

void worker_join(struct worker *w)
{
	if (w->state)
		pthread_join(w->thread, NULL);
}

struct order *worker_undone(struct worker *w)
{
	struct letter *first = mailbox_take(&w->mailbox), *next;

	if (!first)
		return NULL;
	/* One at a time: the rest goes back, in order. */
	for (struct letter *l = first->next; l; l = next) {
		next = l->next;
		mailbox_post(&w->mailbox, l);
	}
	return container_of(first, struct order, letter);
}

void worker_free(struct worker *w)
{
	struct order *o;

	if (!w->state)
		return;
	while ((o = worker_undone(w)))
		order_free(o);
	mailbox_close(&w->mailbox);
	sem_destroy(&w->state->started);
	free(w->state);
	w->state = NULL;
}
