#include "edge/worker.h"

#include <errno.h>
#include <poll.h>
#include <semaphore.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/log.h"
#include "engine/pipes.h"

/* The worker's one buffer. What a slow reader leaves of it is kept per half, so it is also the
 * most that the copy path holds for a flow and direction. */
#define BUFFER_SIZE (64 * 1024)

/* Pipes that nobody needed for so long are closed. */
#define TRIM_EVERY 250

/* A paused listener looks again even if no flow of this worker ended: another's may have. */
#define RESUME_EVERY 100

struct order {
	struct letter letter;
	enum worker_order what;
};

struct state {
	struct worker *worker;
	struct ring *ring;
	struct timers timers;
	struct pipes pipes;
	struct flows flows;
	struct op mail;
	struct timer trim, resume, deadline;
	bool draining, halted;
	sem_t started;
	int error; /* of the start */
};

static void on_accepted(struct listener *l, int fd, bool admitted)
{
	struct state *s = l->owner;

	flow_open(&s->flows, l->plan, fd, admitted);
	if (l->paused)
		timer_set(&s->timers, &s->resume, s->flows.host.now + RESUME_EVERY);
}

static void resume_listeners(struct state *s)
{
	for (size_t i = 0; i < s->worker->nlisteners; i++)
		listener_resume(&s->worker->listeners[i]);
}

static bool any_paused(const struct state *s)
{
	for (size_t i = 0; i < s->worker->nlisteners; i++)
		if (s->worker->listeners[i].paused && !s->worker->listeners[i].closed)
			return true;
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

static msec_t tick_deadline(struct timer *t, msec_t now)
{
	struct state *s = container_of(t, struct state, deadline);

	(void)now;
	flows_close_all(&s->flows, WHY_DRAIN);
	return TIMER_NONE;
}

static void drain(struct state *s)
{
	if (s->draining)
		return;
	s->draining = true;
	for (size_t i = 0; i < s->worker->nlisteners; i++)
		listener_close(&s->worker->listeners[i]);
	timer_set(&s->timers, &s->deadline, s->flows.host.now + s->worker->drain);
}

static void obey(struct state *s, enum worker_order what)
{
	drain(s);
	if (what == WORKER_HALT)
		flows_close_all(&s->flows, WHY_DRAIN);
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
		obey(s, o->what);
		free(o);
	}
	if (!op->armed)
		ring_poll(s->ring, op, s->worker->mailbox.fd, POLLIN);
}

static bool open_state(struct state *s)
{
	struct worker *w = s->worker;

	s->flows.host.buffer = malloc(BUFFER_SIZE);
	s->error = s->flows.host.buffer ? ring_open(&s->ring) : -ENOMEM;
	if (s->error < 0) {
		free(s->flows.host.buffer);
		return false;
	}
	w->features = ring_features(s->ring);
	timers_init(&s->timers);
	pipes_init(&s->pipes, w->pipes_budget);
	s->flows.host.ring = s->ring;
	s->flows.host.pipes = &s->pipes;
	s->flows.host.buffer_size = BUFFER_SIZE;
	s->flows.host.now = timer_now();
	flows_init(&s->flows, &s->timers, w->admit, w->index + 1, w->of);
	s->trim.tick = tick_trim;
	s->resume.tick = tick_resume;
	s->deadline.tick = tick_deadline;
	s->mail.done = on_mail;
	return true;
}

static void start_listening(struct state *s)
{
	struct worker *w = s->worker;

	ring_poll(s->ring, &s->mail, w->mailbox.fd, POLLIN);
	for (size_t i = 0; i < w->nlisteners; i++) {
		w->listeners[i].owner = s;
		w->listeners[i].accepted = on_accepted;
		listener_start(&w->listeners[i], s->ring, w->admit);
	}
	ring_wait(s->ring, 0);
}

static void turn(struct state *s)
{
	struct relay_host *host = &s->flows.host;
	msec_t wait = timers_wait(&s->timers, host->now);

	ring_wait(s->ring, list_empty(&host->runnable) ? wait : 0);
	host->now = timer_now();
	ring_dispatch(s->ring);
	timers_run(&s->timers, host->now);
	if (flows_sweep(&s->flows))
		resume_listeners(s);
	if (any_paused(s) && !s->resume.slot)
		timer_set(&s->timers, &s->resume, host->now + RESUME_EVERY);
	if (s->pipes.nopen && !s->trim.slot)
		timer_set(&s->timers, &s->trim, host->now + TRIM_EVERY);
}

static bool accept_armed(const struct state *s)
{
	for (size_t i = 0; i < s->worker->nlisteners; i++)
		if (s->worker->listeners[i].accept.armed)
			return true;
	return false;
}

static void close_state(struct state *s)
{
	s->halted = true;
	ring_cancel(s->ring, &s->mail);
	while (s->mail.armed || accept_armed(s)) {
		ring_wait(s->ring, 100);
		ring_dispatch(s->ring);
	}
	pipes_finish(&s->pipes);
	flows_finish(&s->flows);
	timers_finish(&s->timers);
	ring_close(s->ring);
	free(s->flows.host.buffer);
}

static void *run(void *arg)
{
	struct state *s = arg;
	bool open = open_state(s);

	if (open)
		start_listening(s);
	sem_post(&s->started);
	if (!open)
		return NULL;
	/* A client accepted before the cancel took hold is a flow like any other. */
	while (!s->draining || s->flows.count || accept_armed(s))
		turn(s);
	close_state(s);
	return NULL;
}

int worker_start(struct worker *w)
{
	struct state *s = calloc(1, sizeof(*s));
	int err;

	if (!s)
		return -ENOMEM;
	s->worker = w;
	sem_init(&s->started, 0, 0);
	err = -pthread_create(&w->thread, NULL, run, s);
	if (!err) {
		while (sem_wait(&s->started) < 0)
			;
		err = s->error;
		if (err)
			pthread_join(w->thread, NULL);
	}
	if (err)
		free(s);
	else
		w->state = s;
	return err;
}

void worker_tell(struct worker *w, enum worker_order order)
{
	struct order *o = malloc(sizeof(*o));

	if (!o)
		panic("out of memory");
	o->what = order;
	mailbox_post(&w->mailbox, &o->letter);
}

void worker_join(struct worker *w)
{
	if (w->state)
		pthread_join(w->thread, NULL);
}

void worker_free(struct worker *w)
{
	struct letter *l, *next;

	if (!w->state)
		return;
	for (l = mailbox_take(&w->mailbox); l; l = next) {
		next = l->next;
		free(container_of(l, struct order, letter));
	}
	sem_destroy(&w->state->started);
	free(w->state);
	w->state = NULL;
}
