#include "backend/names.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "base/memory.h"
#include "config/model.h"
#include "engine/timer.h"

/* Milliseconds between two questions for one name, however much fails. */
#define HURRY_EVERY 1000

/* An answer is believed for so many seconds, whatever it says: MagicDNS says 600, and after a restart the address is
 * another one. */
#define TTL_LEAST 5u
#define TTL_MOST  60u

/* Milliseconds between two questions that have no answer. */
#define RETRY_EVERY 5000

/* Of tailnet:NODE, while no source knows. */
#define NOT_TOLD "tailscaled has not said where it is"

int names_open(struct names *ns)
{
	pthread_condattr_t monotonic;

	list_init(&ns->list);
	ns->wake = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (ns->wake < 0)
		return -errno;
	pthread_mutex_init(&ns->lock, NULL);
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&ns->answered, &monotonic);
	pthread_condattr_destroy(&monotonic);
	return 0;
}

void names_close(struct names *ns)
{
	if (ns->wake < 0)
		return;
	close(ns->wake);
	ns->wake = -1;
	pthread_cond_destroy(&ns->answered);
	pthread_mutex_destroy(&ns->lock);
}

static void wake(struct names *ns)
{
	uint64_t one = 1;

	(void)!write(ns->wake, &one, sizeof(one));
}

static struct name *find(struct names *ns, const char *host)
{
	list_each(node, &ns->list) {
		struct name *n = container_of(node, struct name, node);

		if (strcasecmp(n->host, host) == 0)
			return n;
	}
	return NULL;
}

struct name *name_hold(struct names *ns, const char *host)
{
	struct name *n;

	pthread_mutex_lock(&ns->lock);
	n = find(ns, host);
	if (!n) {
		n = memory_zeroed(1, sizeof(*n));
		n->names = ns;
		n->host = memory_text(host, strlen(host));
		if (server_node(host)) {
			n->due = TIMER_NONE;
			snprintf(n->error, sizeof(n->error), "%s", NOT_TOLD);
		}
		list_add(&ns->list, &n->node);
		wake(ns);
	}
	n->holders++;
	pthread_mutex_unlock(&ns->lock);
	return n;
}

static void drop(struct name *n)
{
	list_del(&n->node);
	free(n->host);
	free(n);
}

void name_release(struct name *n)
{
	struct names *ns = n->names;

	pthread_mutex_lock(&ns->lock);
	/* One that is being asked for, the resolver drops. */
	if (--n->holders == 0 && !n->is_out)
		drop(n);
	pthread_mutex_unlock(&ns->lock);
}

static bool all_answered(struct names *ns)
{
	list_each(node, &ns->list)
		if (!container_of(node, struct name, node)->is_answered)
			return false;
	return true;
}

void names_wait(struct names *ns, msec_t limit)
{
	msec_t due = timer_now() + limit;
	struct timespec until = { .tv_sec = (time_t)(due / 1000),
				  .tv_nsec = (long)(due % 1000) * 1000000 };

	pthread_mutex_lock(&ns->lock);
	while (!all_answered(ns))
		if (pthread_cond_timedwait(&ns->answered, &ns->lock, &until) == ETIMEDOUT)
			break;
	pthread_mutex_unlock(&ns->lock);
}

size_t name_addresses(struct name *n, struct addr out[static NAME_ADDRESSES_MAX])
{
	size_t count;

	pthread_mutex_lock(&n->names->lock);
	count = n->count;
	memcpy(out, n->at, count * sizeof(*out));
	pthread_mutex_unlock(&n->names->lock);
	return count;
}

bool name_is_answered(struct name *n)
{
	bool is_answered;

	pthread_mutex_lock(&n->names->lock);
	is_answered = n->is_answered;
	pthread_mutex_unlock(&n->names->lock);
	return is_answered;
}

void name_look(struct name *n, struct name_view *out)
{
	pthread_mutex_lock(&n->names->lock);
	*out = (struct name_view){ .count = n->count,
				   .good = n->good,
				   .source = n->is_told || server_node(n->host) ? "tailnet"
										: "dns" };
	memcpy(out->at, n->at, n->count * sizeof(*n->at));
	memcpy(out->error, n->error, sizeof(n->error));
	pthread_mutex_unlock(&n->names->lock);
}

void name_hurry(struct name *n)
{
	msec_t soon = timer_now();

	pthread_mutex_lock(&n->names->lock);
	soon = max_of(soon, n->asked + HURRY_EVERY);
	if (!n->is_out && n->due != TIMER_NONE && n->due > soon) {
		n->due = soon;
		wake(n->names);
	}
	pthread_mutex_unlock(&n->names->lock);
}

size_t names_take_due(struct names *ns, msec_t now, struct name **out, size_t max, msec_t *next)
{
	size_t count = 0;

	*next = TIMER_NONE;
	pthread_mutex_lock(&ns->lock);
	list_each(node, &ns->list) {
		struct name *n = container_of(node, struct name, node);

		if (n->is_out)
			continue;
		if (n->due > now || count == max) {
			*next = min_of(*next, n->due);
			continue;
		}
		n->is_out = true;
		n->asked = now;
		out[count++] = n;
	}
	pthread_mutex_unlock(&ns->lock);
	return count;
}

/* The order does not matter: servers turn it with each answer. */
static bool is_same(const struct name *n, const struct addr *at, size_t count)
{
	size_t found = 0;

	for (size_t i = 0; i < n->count; i++)
		for (size_t k = 0; k < count; k++)
			found += addr_equal(&n->at[i], &at[k]);
	return n->count == count && found == count;
}

static void describe(const struct addr *at, size_t count, char *out, size_t size)
{
	char text[ADDR_TEXT];
	size_t used = 0;

	snprintf(out, size, "nothing");
	for (size_t i = 0; i < count && used < size; i++)
		used += (size_t)snprintf(out + used, size - used, "%s%s", i ? ", " : "",
					 addr_format_host(&at[i], text));
}

static void replace(struct name *n, const struct addr *at, size_t count, msec_t now)
{
	char is[400], was[400];

	if (!is_same(n, at, count)) {
		describe(at, count, is, sizeof(is));
		describe(n->at, n->count, was, sizeof(was));
		if (n->count)
			log_info("name %s: is %s now, was %s", n->host, is, was);
		else
			log_info("name %s: is %s", n->host, is);
	} else if (n->error[0]) {
		log_info("name %s: is known again, unchanged", n->host);
	}
	memcpy(n->at, at, count * sizeof(*at));
	n->count = count;
	n->good = now;
	n->error[0] = '\0';
}

static void fail(struct name *n, const char *error)
{
	if (strcmp(n->error, error) != 0)
		log_warn("name %s: %s%s", n->host, error,
			 n->count ? "; its last addresses are kept" : "");
	snprintf(n->error, sizeof(n->error), "%s", error);
}

/* The lock is held. */
static void settle(struct name *n)
{
	n->is_answered = true;
	pthread_cond_broadcast(&n->names->answered);
}

static void take_answer(struct name *n, const struct name_answer *a, msec_t now)
{
	if (n->is_told)
		return;
	if (a->count) {
		replace(n, a->at, a->count, now);
		n->due = now + 1000 * min_of(max_of(a->ttl, TTL_LEAST), TTL_MOST);
		settle(n);
	} else if (a->error) {
		fail(n, a->error);
		n->due = now + RETRY_EVERY;
		settle(n);
	}
}

/* The family that came first stays first. */
static void take_early(struct name *n, const struct name_answer *a, msec_t now)
{
	bool others_first = n->count && n->at[0].sa.sa_family != AF_INET;
	struct addr at[NAME_ADDRESSES_MAX];
	size_t count = 0;

	if (!n->holders || n->is_told || !a->count)
		return;
	for (size_t i = 0; !others_first && i < a->count; i++)
		at[count++] = a->at[i];
	for (size_t i = 0; i < n->count && count < NAME_ADDRESSES_MAX; i++)
		if (n->at[i].sa.sa_family != AF_INET)
			at[count++] = n->at[i];
	for (size_t i = 0; others_first && i < a->count && count < NAME_ADDRESSES_MAX; i++)
		at[count++] = a->at[i];
	replace(n, at, count, now);
	settle(n);
}

void name_answer(struct name *n, const struct name_answer *a, msec_t now)
{
	struct names *ns = n->names;

	pthread_mutex_lock(&ns->lock);
	n->is_out = a->early;
	if (a->early)
		take_early(n, a, now);
	else if (n->holders)
		take_answer(n, a, now);
	else
		drop(n);
	pthread_mutex_unlock(&ns->lock);
}

bool names_tell(struct names *ns, const char *host, const struct addr *at, size_t count,
		const char *error)
{
	struct name *n;

	pthread_mutex_lock(&ns->lock);
	n = find(ns, host);
	if (n) {
		n->is_told = true;
		n->due = TIMER_NONE;
		if (count)
			replace(n, at, min_of(count, (size_t)NAME_ADDRESSES_MAX), timer_now());
		else
			fail(n, error);
		settle(n);
	}
	pthread_mutex_unlock(&ns->lock);
	return n;
}

void names_withdraw(struct names *ns, const char *host)
{
	struct name *n;

	pthread_mutex_lock(&ns->lock);
	n = find(ns, host);
	if (n && n->is_told) {
		n->is_told = false;
		if (server_node(host)) {
			fail(n, NOT_TOLD);
		} else {
			n->due = 0;
			wake(ns);
		}
	}
	pthread_mutex_unlock(&ns->lock);
}

void names_each(struct names *ns, void (*visit)(void *arg, const char *host), void *arg)
{
	pthread_mutex_lock(&ns->lock);
	list_each(node, &ns->list)
		visit(arg, container_of(node, struct name, node)->host);
	pthread_mutex_unlock(&ns->lock);
}
