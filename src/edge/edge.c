#include "edge/edge.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/log.h"
#include "base/memory.h"
#include "edge/plan.h"
#include "edge/worker.h"

/* Standard files, the log, the resolver, and some to look around with. */
#define SPARE_FDS 16
/* A worker's ring and mailbox; and each listener, with a client that waits for a place. */
#define WORKER_FDS 2

struct edge {
	const struct config *config;
	struct plan *plan;
	struct pool *pools; /* one for each backend, same order */
	struct worker *workers;
	size_t nworkers;
	struct admit admit;
	struct fd_budget budget;
};

/* io_uring's splice(2) cousins raise SIGPIPE where send(2) has MSG_NOSIGNAL. */
static void block_signals(sigset_t *awaited)
{
	signal(SIGPIPE, SIG_IGN);
	sigemptyset(awaited);
	sigaddset(awaited, SIGTERM);
	sigaddset(awaited, SIGINT);
	pthread_sigmask(SIG_BLOCK, awaited, NULL);
}

static bool resolve_backends(struct edge *e)
{
	struct report report;
	bool ok = true;

	report_init(&report, e->config->file);
	e->pools = memory_zeroed(e->config->nbackends, sizeof(*e->pools));
	for (size_t i = 0; i < e->config->nbackends; i++)
		ok &= pool_fill(&e->pools[i], &e->config->backends[i], &report);
	for (size_t i = 0; i < e->plan->count; i++)
		e->plan->at[i].dial.pool = &e->pools[e->plan->at[i].backend - e->config->backends];
	report_print(&report, stderr);
	report_finish(&report);
	return ok;
}

static size_t count_cores(void)
{
	cpu_set_t set;

	return sched_getaffinity(0, sizeof(set), &set) == 0 ? (size_t)CPU_COUNT(&set) : 1;
}

static void budget_descriptors(struct edge *e)
{
	struct rlimit limit;
	size_t fixed = SPARE_FDS + e->nworkers * (WORKER_FDS + 2 * e->plan->count), max;

	getrlimit(RLIMIT_NOFILE, &limit);
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
	getrlimit(RLIMIT_NOFILE, &limit);
	e->budget = admit_budget((size_t)min_of(limit.rlim_cur, (rlim_t)1 << 30), fixed);
	max = e->config->global.max_flows ? (size_t)e->config->global.max_flows
					  : e->budget.max_flows;
	if (max > e->budget.max_flows)
		log_warn(
			"max-flows = %zu, but RLIMIT_NOFILE %zu is enough for %zu: raise LimitNOFILE",
			max, e->budget.limit, e->budget.max_flows);
	log_info(
		"max-flows %zu: RLIMIT_NOFILE %zu less %zu fixed and %zu for pipes, two for each flow",
		max, e->budget.limit, fixed, 2 * e->budget.pipes);
	admit_init(&e->admit, max);
}

/* IPv6 may be switched off: that is no mistake where nobody asked for `::` by name. */
static bool may_lack(const struct plan_entry *p, int err)
{
	return (err == -EAFNOSUPPORT || err == -EADDRNOTAVAIL) && p->conf->bind.count > 1 &&
	       addr_is_any(&p->at) && p->at.sa.sa_family == AF_INET6;
}

static bool say_unbound(const struct plan_entry *p, int err)
{
	char at[ADDR_TEXT];

	addr_format(&p->at, at);
	if (may_lack(p, err)) {
		log_warn("listener %s: %s is not listened on: this machine has no IPv6",
			 p->conf->section.name, at);
		return true;
	}
	fprintf(stderr, "listener %s: cannot listen on %s: %s%s\n", p->conf->section.name, at,
		strerror(-err),
		err == -EACCES		? " (a port below 1024 needs root or CAP_NET_BIND_SERVICE)"
		: err == -EADDRINUSE	? " (see `ss -ltnp` for who listens there)"
		: err == -EADDRNOTAVAIL ? " (no interface has this address)"
					: "");
	return false;
}

static void add_listener(struct worker *w, const struct plan_entry *p, int fd)
{
	w->listeners[w->nlisteners++] = (struct listener){ .fd = fd, .plan = p };
}

static bool open_entry(struct edge *e, const struct plan_entry *p)
{
	int fd = listener_probe(&p->at);

	if (fd < 0)
		return say_unbound(p, fd);
	for (size_t i = 0; i < e->nworkers; i++) {
		fd = listener_open(p, e->nworkers > 1);
		if (fd < 0)
			return say_unbound(p, fd);
		add_listener(&e->workers[i], p, fd);
	}
	return true;
}

static bool open_listeners(struct edge *e)
{
	bool ok = true;

	e->workers = memory_zeroed(e->nworkers, sizeof(*e->workers));
	for (size_t i = 0; i < e->nworkers; i++) {
		e->workers[i].listeners = memory_zeroed(e->plan->count, sizeof(struct listener));
		e->workers[i].mailbox.fd = -1;
	}
	for (size_t i = 0; i < e->plan->count; i++)
		ok &= open_entry(e, &e->plan->at[i]);
	return ok;
}

static bool start_worker(struct edge *e, size_t i)
{
	struct worker *w = &e->workers[i];
	char text[512];
	int err;

	w->admit = &e->admit;
	w->index = i;
	w->of = e->nworkers;
	w->pipes_budget = max_of(e->budget.pipes / e->nworkers, (size_t)1);
	w->drain = e->config->global.drain;
	err = mailbox_open(&w->mailbox);
	if (!err)
		err = worker_start(w);
	if (!err)
		return true;
	ring_explain(err, text, sizeof(text));
	fprintf(stderr, "%s\n", text);
	return false;
}

static void tell_all(struct edge *e, enum worker_order order)
{
	for (size_t i = 0; i < e->nworkers; i++)
		if (e->workers[i].state)
			worker_tell(&e->workers[i], order);
}

static bool start_workers(struct edge *e)
{
	bool ok = true;

	for (size_t i = 0; ok && i < e->nworkers; i++)
		ok = start_worker(e, i);
	if (!ok)
		tell_all(e, WORKER_HALT);
	return ok;
}

static void *join_all(void *arg)
{
	struct edge *e = arg;

	for (size_t i = 0; i < e->nworkers; i++)
		worker_join(&e->workers[i]);
	kill(getpid(), SIGTERM); /* wakes the main thread */
	return NULL;
}

/* The first SIGTERM drains; what comes after that, or SIGINT, ends at once. */
static void serve(struct edge *e, const sigset_t *awaited)
{
	pthread_t joiner;
	int sig = 0;

	sigwait(awaited, &sig);
	log_info("%s: accepting no more, %zu flows have %llu s to end",
		 sig == SIGINT ? "SIGINT" : "SIGTERM", atomic_load(&e->admit.flows),
		 (unsigned long long)e->config->global.drain / 1000);
	tell_all(e, sig == SIGINT ? WORKER_HALT : WORKER_DRAIN);
	if (pthread_create(&joiner, NULL, join_all, e))
		panic("cannot start a thread");
	sigwait(awaited, &sig);
	tell_all(e, WORKER_HALT);
	pthread_join(joiner, NULL);
	log_info("stopped");
}

static void close_all(struct edge *e)
{
	for (size_t i = 0; e->workers && i < e->nworkers; i++) {
		struct worker *w = &e->workers[i];

		for (size_t k = 0; k < w->nlisteners; k++)
			if (w->listeners[k].fd >= 0)
				close(w->listeners[k].fd);
		worker_free(w);
		mailbox_close(&w->mailbox);
		free(w->listeners);
	}
	free(e->workers);
	free(e->pools);
}

enum edge_result edge_run(const struct config *config, struct plan *plan)
{
	struct edge e = { .config = config, .plan = plan };
	enum edge_result result = EDGE_ENVIRONMENT;
	sigset_t awaited;

	block_signals(&awaited);
	log_setup((enum line_format)config->global.log, (enum log_level)config->global.log_level);
	e.nworkers = config->global.workers ? (size_t)config->global.workers : count_cores();
	if (resolve_backends(&e)) {
		budget_descriptors(&e);
		if (open_listeners(&e) && start_workers(&e)) {
			log_info("ready");
			serve(&e, &awaited);
			result = EDGE_DONE;
		} else {
			for (size_t i = 0; e.workers && i < e.nworkers; i++)
				worker_join(&e.workers[i]);
		}
	}
	close_all(&e);
	return result;
}
