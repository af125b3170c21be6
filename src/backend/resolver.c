#include "backend/resolver.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "backend/device.h"
#include "base/log.h"
#include "base/memory.h"
#include "config/reach.h"
#include "engine/timer.h"

/* Questions that begin in one turn. */
#define BATCH 64

/* Milliseconds after which the thread looks around without any event. */
#define LONGEST_WAIT 60000

#define TAILNET_SERVER "100.100.100.100"

/* Milliseconds for its answer: it is on this machine, or not there. */
#define TAILNET_PATIENCE 500

struct asking {
	struct resolver *resolver;
	struct name *name;
	const char *error; /* of the system's resolver */
};

static void finish(struct asking *a, const struct name_answer *answer)
{
	bool early = answer->early;

	name_answer(a->name, answer, timer_now());
	if (!early)
		free(a);
}

static void on_tailnet(void *arg, const struct name_answer *answer)
{
	struct asking *a = arg;
	struct name_answer own = { .ttl = answer->ttl, .error = a->error, .early = answer->early };

	for (size_t i = 0; i < answer->count; i++)
		if (reach_of_addr(&answer->at[i]) == REACH_TAILNET)
			own.at[own.count++] = answer->at[i];
	if (answer->count && !own.count)
		own.error = TAILNET_SERVER " answers with addresses that are not the tailnet's";
	if (!answer->count && !answer->error)
		own.error = NULL;
	finish(a, &own);
}

static void on_system(void *arg, const struct name_answer *answer)
{
	struct asking *a = arg;

	/* While it ends, a new question would have no answer. */
	if (answer->count || !answer->error || reach_of_host(a->name->host) != REACH_TAILNET ||
	    atomic_load(&a->resolver->stopping)) {
		finish(a, answer);
		return;
	}
	a->error = answer->error;
	lookup_ask(&a->resolver->tailnet, a->name->host, on_tailnet, a);
}

/* Without tailscaled the question would leave by the default route: nobody else need know that name. */
static int bind_to_tailnet(int fd)
{
	struct addr server;

	addr_parse(&server, TAILNET_SERVER, 53);
	return device_bind(fd, "auto", &server);
}

static void open_tailnet(struct resolver *r)
{
	const char *server = r->options.tailnet, *why;
	int patience = r->options.patience;

	if (lookup_open(&r->tailnet, server ? server : TAILNET_SERVER,
			patience ? patience : TAILNET_PATIENCE, &why) == 0 &&
	    !server)
		lookup_bind(&r->tailnet, bind_to_tailnet);
}

static void renew(struct resolver *r)
{
	struct lookup fresh;
	const char *why;

	if (!lookup_is_stale(&r->system))
		return;
	if (lookup_open(&fresh, NULL, r->system.patience, &why) < 0) {
		log_warn("the new resolv.conf cannot be used: %s", why);
		/* Until it changes again. */
		r->system.file_stamp = fresh.file_stamp;
		return;
	}
	lookup_close(&r->system);
	r->system = fresh;
	if (!r->tailnet.channel)
		open_tailnet(r);
}

/* Asks for what is due; milliseconds until the next is. */
static int ask_due(struct resolver *r)
{
	struct name *due[BATCH];
	msec_t now = timer_now(), next;
	size_t count = names_take_due(r->names, now, due, BATCH, &next);

	if (count)
		renew(r);
	for (size_t i = 0; i < count; i++) {
		struct asking *a = memory_zeroed(1, sizeof(*a));

		*a = (struct asking){ .resolver = r, .name = due[i] };
		lookup_ask(&r->system, due[i]->host, on_system, a);
	}
	if (next == TIMER_NONE)
		return LONGEST_WAIT;
	return next > now ? (int)min_of(next - now, (msec_t)LONGEST_WAIT) : 0;
}

static void turn(struct resolver *r)
{
	struct pollfd fds[1 + 2 * LOOKUP_SOCKETS];
	int wait = ask_due(r);
	size_t system, tailnet;
	uint64_t count;

	fds[0] = (struct pollfd){ .fd = r->names->wake, .events = POLLIN };
	system = lookup_poll(&r->system, fds + 1);
	tailnet = lookup_poll(&r->tailnet, fds + 1 + system);
	wait = lookup_wait(&r->system, wait);
	wait = lookup_wait(&r->tailnet, wait);
	if (poll(fds, (nfds_t)(1 + system + tailnet), wait) < 0)
		return;
	if (fds[0].revents)
		(void)!read(r->names->wake, &count, sizeof(count));
	lookup_run(&r->system, fds + 1, system);
	lookup_run(&r->tailnet, fds + 1 + system, tailnet);
}

static void *run(void *arg)
{
	struct resolver *r = arg;

	while (!atomic_load(&r->stopping))
		turn(r);
	lookup_close(&r->system);
	lookup_close(&r->tailnet);
	return NULL;
}

/* What cannot be used now may be later, and servers that are literals need none of it. */
int resolver_start(struct resolver *r, struct names *names, struct resolver_options options,
		   const char **why)
{
	int err;

	r->names = names;
	r->options = options;
	if (lookup_open(&r->system, options.system, options.patience, why) < 0)
		log_warn("DNS cannot be asked until /etc/resolv.conf changes: %s", *why);
	open_tailnet(r);
	err = -pthread_create(&r->thread, NULL, run, r);
	*why = "no thread for DNS can be made";
	r->is_running = !err;
	if (err < 0) {
		lookup_close(&r->system);
		lookup_close(&r->tailnet);
	}
	return err;
}

void resolver_stop(struct resolver *r)
{
	uint64_t one = 1;

	if (!r->is_running)
		return;
	atomic_store(&r->stopping, true);
	(void)!write(r->names->wake, &one, sizeof(one));
	pthread_join(r->thread, NULL);
	r->is_running = false;
}
