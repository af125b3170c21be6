#include "backend/checker.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "base/memory.h"
#include "engine/timer.h"

/* How soon a name's new address is noticed. */
#define LOOK_MS 1000

/* One under way. */
struct check {
	struct server *server; /* held */
	struct conversation talk;
};

/* One that is due. */
struct due {
	struct server *server; /* held while it is chosen */
	msec_t due;
};

int checker_open(struct checker *c, struct registry *registry)
{
	*c = (struct checker){ .registry = registry, .seed = (unsigned)time(NULL) };
	c->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	return c->wake < 0 ? -errno : 0;
}

static size_t addresses_of(struct server *s, struct addr *out)
{
	out[0] = s->literal;
	return s->name ? name_addresses(s->name, out) : 1;
}

/* Under the registry's lock. */
static void look_at(struct checker *c, struct server *s, msec_t now, struct due *out, size_t *count,
		    msec_t *next)
{
	struct addr at[NAME_ADDRESSES_MAX];
	size_t n;
	msec_t due;

	if (atomic_load(&s->admin) == SERVER_MAINT)
		return;
	n = addresses_of(s, at);
	if (!health_sync(&s->health, atomic_load(&c->epoch), at, n, now))
		return;
	due = health_due(&s->health);
	/* Of a name, addresses may come and go. */
	*next = min_of(*next, s->name ? min_of(due, now + LOOK_MS) : due);
	if (due > now)
		return;
	s->holders++;
	out[(*count)++] = (struct due){ s, due };
}

static int by_due(const void *a, const void *b)
{
	const struct due *x = a, *y = b;

	return (x->due > y->due) - (x->due < y->due);
}

static size_t servers_in(struct registry *r)
{
	size_t n = 0;

	list_each(node, &r->servers)
		n++;
	return n;
}

/* Where the proxy is now. */
static void find_proxy(struct checker *c, struct server *s, struct passage *passage)
{
	struct addr at[NAME_ADDRESSES_MAX];

	pthread_mutex_lock(&c->registry->lock);
	if (s->proxy && name_addresses(s->proxy, at)) {
		addr_set_port(&at[0], addr_port(&passage->at));
		passage->at = at[0];
	}
	pthread_mutex_unlock(&c->registry->lock);
}

static bool begin(struct checker *c, struct server *s, msec_t now)
{
	struct check_plan plan;
	struct check *check;

	if (c->count == CHECKER_TALKS || !health_take(&s->health, now, &plan))
		return false;
	check = &c->checks[c->count++];
	check->server = server_get(s);
	find_proxy(c, s, &plan.conversation.passage);
	conversation_start(&check->talk, &plan.conversation, now);
	return true;
}

/* Begins what is due, the most overdue server first, an address of each in turn. Returns when to look again. */
static msec_t look(struct checker *c, msec_t now)
{
	struct registry *r = c->registry;
	msec_t next = TIMER_NONE;
	struct due *due;
	size_t count = 0;
	bool more = true;

	pthread_mutex_lock(&r->lock);
	due = memory_zeroed(servers_in(r), sizeof(*due));
	list_each(node, &r->servers)
		look_at(c, container_of(node, struct server, node), now, due, &count, &next);
	pthread_mutex_unlock(&r->lock);
	qsort(due, count, sizeof(*due), by_due);
	while (more) {
		more = false;
		for (size_t i = 0; i < count; i++)
			more |= begin(c, due[i].server, now);
	}
	for (size_t i = 0; i < count; i++)
		server_release(due[i].server);
	free(due);
	/* What has no place now gets one when a conversation ends. */
	return c->count == CHECKER_TALKS ? TIMER_NONE : next;
}

static void tell(const struct check *check, const struct health_change *change)
{
	const struct server *s = check->server;
	char at[300], words[OUTCOME_WORDS];

	if (s->by_proxy && !s->name)
		snprintf(at, sizeof(at), "%s:%u", s->host, addr_port(&check->talk.plan.to));
	else
		addr_format(&check->talk.plan.to, at);
	if (change->down)
		log_warn("backend %s: %s is down after %u failed check%s: %s", s->backend, at,
			 change->checks, change->checks == 1 ? "" : "s",
			 outcome_words(&check->talk.outcome, words));
	else
		log_info("backend %s: %s is up again after %llu s", s->backend, at,
			 (unsigned long long)(change->lasted + 500) / 1000);
}

/* The last one takes its place. */
static void end(struct checker *c, struct check *check)
{
	conversation_stop(&check->talk);
	server_release(check->server);
	*check = c->checks[--c->count];
}

static void conclude(struct checker *c, struct check *check, msec_t now)
{
	const struct outcome *o = &check->talk.outcome;
	struct health *h = &check->server->health;
	struct health_change change = { 0 };

	if (o->ending == ENDING_UNREACHABLE && (o->error == -EMFILE || o->error == -ENFILE))
		health_give_back(h, &check->talk.plan.to);
	else
		health_result(h, &check->talk.plan.to, o, now, (uint8_t)rand_r(&c->seed), &change);
	if (change.changed)
		tell(check, &change);
}

static bool step(struct checker *c, const struct pollfd *polled, msec_t now)
{
	bool ended = false;

	for (size_t i = c->count; i-- > 0;) {
		struct check *check = &c->checks[i];

		conversation_step(&check->talk, polled[i].revents, now);
		if (!conversation_over(&check->talk))
			continue;
		conclude(c, check, now);
		end(c, check);
		ended = true;
	}
	return ended;
}

static int wait_ms(msec_t now, msec_t until)
{
	return until == TIMER_NONE ? -1 : until <= now ? 0 : (int)min_of(until - now, 60000u);
}

/* Returns true when it was woken. */
static bool await(struct checker *c, struct pollfd *polled, msec_t until)
{
	uint64_t times;

	for (size_t i = 0; i < c->count; i++) {
		polled[i] = (struct pollfd){ .fd = c->checks[i].talk.fd,
					     .events = c->checks[i].talk.events };
		until = min_of(until, c->checks[i].talk.deadline);
	}
	polled[c->count] = (struct pollfd){ .fd = c->wake, .events = POLLIN };
	poll(polled, c->count + 1, wait_ms(timer_now(), until));
	return polled[c->count].revents && read(c->wake, &times, sizeof(times)) > 0;
}

static void *serve(void *arg)
{
	struct checker *c = arg;
	struct pollfd polled[CHECKER_TALKS + 1];
	msec_t next = 0;

	pthread_setname_np(pthread_self(), "checker");
	while (!atomic_load(&c->stopping)) {
		if (next <= timer_now())
			next = look(c, timer_now());
		if (await(c, polled, next))
			next = 0;
		if (step(c, polled, timer_now()))
			next = 0;
	}
	while (c->count)
		end(c, &c->checks[c->count - 1]);
	return NULL;
}

int checker_start(struct checker *c)
{
	int err;

	c->checks = memory_zeroed(CHECKER_TALKS, sizeof(*c->checks));
	err = pthread_create(&c->thread, NULL, serve, c);
	c->is_running = err == 0;
	return -err;
}

static void wake(struct checker *c)
{
	const uint64_t one = 1;

	(void)!write(c->wake, &one, sizeof(one));
}

void checker_close(struct checker *c)
{
	if (c->is_running) {
		atomic_store(&c->stopping, true);
		wake(c);
		pthread_join(c->thread, NULL);
	}
	c->is_running = false;
	free(c->checks);
	c->checks = NULL;
	if (c->wake >= 0)
		close(c->wake);
	c->wake = -1;
}

void checker_begin(struct checker *c)
{
	atomic_fetch_add(&c->epoch, 1);
}

void checker_add(struct checker *c, struct server *s, const struct check_plan *plan,
		 const char *proxy)
{
	struct name *next = proxy ? name_hold(&c->registry->names, proxy) : NULL, *before;

	pthread_mutex_lock(&c->registry->lock);
	before = s->proxy;
	s->proxy = next;
	pthread_mutex_unlock(&c->registry->lock);
	if (before)
		name_release(before);
	health_configure(&s->health, plan, atomic_load(&c->epoch), c->wake);
}

void checker_commit(struct checker *c)
{
	wake(c);
}
