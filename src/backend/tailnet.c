#include "backend/tailnet.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend/tailnet_pulse.h"
#include "base/log.h"
#include "base/memory.h"
#include "config/model.h"
#include "config/reach.h"
#include "engine/timer.h"

/* Milliseconds. */
#define ANSWER_LIMIT 5000  /* for a status */
#define ASK_EVERY    15000 /* tailscaled may drop a change, and the way to a node makes none */
#define DOUBT_EVERY  500   /* while it is not clear which of two nodes lives */
#define ASK_AT_MOST  50	   /* one burst of changes is one question */
/* A node that has just come does not know us yet for a moment. WireGuard's first packet would be lost, and the next one comes
 * 5 s later (REKEY_TIMEOUT). */
#define SETTLES_IN  400
#define TOOK_MAX    100 /* more than that tailscaled had something else to do */
#define RETRY_FIRST 100
#define RETRY_MAX   5000

/* Asking takes at most one part in so many of the time, however much changes in a large tailnet. */
#define ASK_SHARE 10

#define EXPIRY_WARNS (14 * 86400) /* seconds */

#define NO_STATUS "tailscaled answers what is no status"

struct tailnet {
	pthread_t thread;
	atomic_bool stop, look;
	char *socket;
	struct localapi *api; /* the thread's */
	struct names *names;
	msec_t asked, took, retry_at, retry_after; /* the thread's, and what follows up to `lock` */
	bool stale, doubt, said_lost, said_expiry;
	struct tailnet_pulses pulses;
	pthread_mutex_t lock; /* of `seen`, for a copy */
	struct tailnet_view seen;
};

/* The hosts that may be nodes: copies, since names_each() holds its lock. */
struct hosts {
	char (*at)[TAILNET_NAME];
	size_t count;
	bool nodes; /* one is tailnet:NODE */
};

static void collect(void *arg, const char *host)
{
	struct hosts *h = arg;

	if (strlen(host) >= TAILNET_NAME)
		return;
	h->at = memory_grow(h->at, h->count, sizeof(*h->at));
	strcpy(h->at[h->count++], host);
	h->nodes |= server_node(host) != NULL;
}

/* Before tailscaled has told its domain. */
static bool looks_ours(const char *host)
{
	return reach_of_host(host) == REACH_TAILNET;
}

static const struct tailnet_wanted *seen_before(const struct tailnet *t, const char *host)
{
	for (size_t i = 0; i < t->seen.count; i++)
		if (strcmp(t->seen.names[i].host, host) == 0)
			return &t->seen.names[i];
	return NULL;
}

static void tell(struct names *names, const char *host, enum tailnet_verdict verdict,
		 const struct tailnet_node *use)
{
	if (verdict == TAILNET_EXPIRED)
		names_tell(names, host, NULL, 0, "the node's key has expired");
	else if (verdict != TAILNET_NO_NODE)
		names_tell(names, host, use->addresses, use->naddresses, NULL);
	else if (server_node(host))
		names_tell(names, host, NULL, 0, "no such node in the tailnet");
	else
		names_withdraw(names, host);
}

void tailnet_tell(struct names *names, const struct tailnet_status *s, const char *host,
		  const char *why)
{
	struct tailnet_choice choice;

	if (s && (server_node(host) || tailnet_is_ours(s, host))) {
		tailnet_choose(&choice, s, host, NULL, NULL);
		tell(names, host, choice.verdict, choice.use);
	} else if (server_node(host)) {
		names_tell(names, host, NULL, 0, why);
	}
}

static bool is_silent(const struct tailnet_node *n, void *arg)
{
	return tailnet_pulses_silent(arg, n);
}

static bool is_settling(const struct tailnet *t, const struct tailnet_node *n)
{
	msec_t came = tailnet_pulses_came(&t->pulses, n);

	return came && timer_now() - came < SETTLES_IN;
}

static void identify(struct tailnet *t, const struct tailnet_status *s, const char *host,
		     struct tailnet_wanted *w)
{
	const struct tailnet_wanted *before = seen_before(t, host);
	struct tailnet_choice choice;

	tailnet_choose(&choice, s, host, is_silent, &t->pulses);
	if (before && choice.use && is_settling(t, choice.use)) {
		*w = *before;
		t->doubt = true;
		return;
	}
	strcpy(w->host, host);
	w->verdict = choice.verdict;
	if (choice.use)
		w->use = *choice.use;
	if (choice.other)
		w->other = *choice.other;
	if (choice.verdict == TAILNET_TWINS)
		t->doubt = true;
	tell(t->names, host, w->verdict, &w->use);
	if (!before || before->verdict != w->verdict || strcmp(before->use.name, w->use.name) != 0)
		tailnet_log(w, s->suffix);
}

static struct tailnet_wanted *identify_all(struct tailnet *t, const struct tailnet_status *s,
					   size_t *count)
{
	struct hosts hosts = { 0 };
	struct tailnet_wanted *out;

	names_each(t->names, collect, &hosts);
	out = memory_zeroed(hosts.count, sizeof(*out));
	*count = 0;
	t->doubt = false;
	for (size_t i = 0; i < hosts.count; i++)
		if (server_node(hosts.at[i]) || tailnet_is_ours(s, hosts.at[i]))
			identify(t, s, hosts.at[i], &out[(*count)++]);
	free(hosts.at);
	return out;
}

/* What is shown; what was shown before is freed. */
static void publish(struct tailnet *t, struct tailnet_view *now)
{
	struct tailnet_view before;

	pthread_mutex_lock(&t->lock);
	before = t->seen;
	t->seen = *now;
	pthread_mutex_unlock(&t->lock);
	tailnet_view_finish(&before);
}

/* The last addresses stay; DNS is asked for those it may know. */
static void lose(struct tailnet *t, const char *why)
{
	struct tailnet_view now = { .wanted = true };
	struct hosts hosts = { 0 };
	bool any = false;

	snprintf(now.why, sizeof(now.why), "%s", why);
	names_each(t->names, collect, &hosts);
	for (size_t i = 0; i < hosts.count; i++) {
		if (server_node(hosts.at[i]))
			names_tell(t->names, hosts.at[i], NULL, 0, "tailscaled does not tell");
		else if (looks_ours(hosts.at[i]) || seen_before(t, hosts.at[i]))
			names_withdraw(t->names, hosts.at[i]);
		any |= looks_ours(hosts.at[i]) || seen_before(t, hosts.at[i]);
	}
	if (any && !t->said_lost && hosts.nodes)
		log_warn(
			"%s; where its nodes are is not known meanwhile, the last known addresses hold",
			why);
	else if (any && !t->said_lost)
		log_info("%s; names of the tailnet come from DNS alone", why);
	t->said_lost |= any;
	free(hosts.at);
	publish(t, &now);
}

/* Once; a key with a tag never does. */
static void warn_of_expiry(struct tailnet *t, const struct tailnet_status *s)
{
	time_t left = s->self.key_expiry - time(NULL);

	if (!s->self.key_expiry || left > EXPIRY_WARNS || t->said_expiry)
		return;
	t->said_expiry = true;
	if (left > 0)
		log_warn(
			"this machine's key of the tailnet expires in %ld h, and then no mail goes through: disable key expiry for it "
			"in the admin console, or give it a tag",
			(long)left / 3600);
	else
		log_warn("this machine's key of the tailnet has expired: tailscale up");
}

static void learn(struct tailnet *t, const struct tailnet_status *s, msec_t now)
{
	struct tailnet_view view = { .wanted = true, .known = true, .tun = s->tun, .self = s->self };
	char why[LOCALAPI_WHY];

	if (strcmp(s->state, "Running") != 0) {
		snprintf(why, sizeof(why), "tailscaled is not connected (%s): tailscale up",
			 s->state);
		lose(t, why);
		return;
	}
	if (t->said_lost)
		log_info("tailscaled answers");
	t->said_lost = false;
	warn_of_expiry(t, s);
	tailnet_pulses_take(&t->pulses, s, now);
	strcpy(view.version, s->version);
	strcpy(view.state, s->state);
	view.names = identify_all(t, s, &view.count);
	publish(t, &view);
}

static void take_answer(struct tailnet *t, const struct localapi_news *news)
{
	struct tailnet_status status;

	if (!news->answer)
		lose(t, news->why);
	else if (!tailnet_status_parse(&status, news->answer, news->len))
		lose(t, NO_STATUS);
	else
		learn(t, &status, timer_now());
	if (news->answer)
		tailnet_status_finish(&status);
}

static void take_news(struct tailnet *t, const struct localapi_news *news)
{
	msec_t now = timer_now();

	if (news->answered) {
		take_answer(t, news);
		t->took = min_of(timer_now() - t->asked, (msec_t)TOOK_MAX);
	}
	if (news->answered && news->answer)
		t->retry_after = 0;
	if (news->lost) {
		t->retry_after =
			min_of(max_of(2 * t->retry_after, (msec_t)RETRY_FIRST), (msec_t)RETRY_MAX);
		t->retry_at = now + t->retry_after;
		t->stale = true; /* it may have lost its mind while nobody listened */
	}
	t->stale |= news->changed;
}

static bool is_wanted(struct tailnet *t)
{
	struct hosts hosts = { 0 };
	bool any = false;

	names_each(t->names, collect, &hosts);
	/* A domain of one's own (headscale) is only known from a status, so any name may be a node's. */
	any = hosts.count;
	free(hosts.at);
	return any;
}

/* Asks what is due; returns how long to wait. */
static int step(struct tailnet *t, msec_t now)
{
	msec_t every = t->doubt ? DOUBT_EVERY : ASK_EVERY, due;

	if (!localapi_follows(t->api)) {
		if (now < t->retry_at)
			return (int)(t->retry_at - now);
		localapi_follow(t->api);
		t->stale = true;
	}
	if (localapi_waits(t->api))
		return ASK_EVERY;
	due = t->asked + (t->stale ? max_of((msec_t)ASK_AT_MOST, ASK_SHARE * t->took) : every);
	if (now < due)
		return (int)(due - now);
	t->stale = false;
	t->asked = now;
	localapi_ask(t->api, ANSWER_LIMIT);
	return ASK_EVERY;
}

static void *run(void *arg)
{
	struct tailnet *t = arg;
	struct localapi_news news;
	int wait;

	while (!atomic_load(&t->stop)) {
		if (atomic_exchange(&t->look, false)) {
			t->stale = true;
			t->retry_at = 0;
		}
		wait = is_wanted(t) ? step(t, timer_now()) : ASK_EVERY;
		localapi_turn(t->api, wait, &news);
		take_news(t, &news);
	}
	return NULL;
}

struct tailnet *tailnet_open(const char *socket, struct names *names)
{
	struct tailnet *t = memory_zeroed(1, sizeof(*t));

	t->names = names;
	t->socket = memory_text(socket, strlen(socket));
	t->api = localapi_open(socket);
	pthread_mutex_init(&t->lock, NULL);
	if (pthread_create(&t->thread, NULL, run, t) == 0) {
		pthread_setname_np(t->thread, "tailnet");
		return t;
	}
	localapi_close(t->api);
	free(t->socket);
	free(t);
	return NULL;
}

void tailnet_close(struct tailnet *t)
{
	if (!t)
		return;
	atomic_store(&t->stop, true);
	localapi_wake(t->api);
	pthread_join(t->thread, NULL);
	localapi_close(t->api);
	tailnet_pulses_finish(&t->pulses);
	tailnet_view_finish(&t->seen);
	pthread_mutex_destroy(&t->lock);
	free(t->socket);
	free(t);
}

const char *tailnet_socket(const struct tailnet *t)
{
	return t->socket;
}

void tailnet_look(struct tailnet *t)
{
	if (!t)
		return;
	atomic_store(&t->look, true);
	localapi_wake(t->api);
}

bool tailnet_ask(const char *socket, struct tailnet_status *out, char why[static LOCALAPI_WHY])
{
	struct localapi *l = localapi_open(socket);
	struct localapi_news news = { 0 };
	bool ok;

	localapi_ask(l, ANSWER_LIMIT);
	while (!news.answered)
		localapi_turn(l, ANSWER_LIMIT, &news);
	*out = (struct tailnet_status){ 0 };
	ok = news.answer && tailnet_status_parse(out, news.answer, news.len);
	snprintf(why, LOCALAPI_WHY, "%s", ok ? "" : news.answer ? NO_STATUS : news.why);
	localapi_close(l);
	return ok;
}

void tailnet_view(struct tailnet *t, struct tailnet_view *out)
{
	*out = (struct tailnet_view){ 0 };
	if (!t)
		return;
	pthread_mutex_lock(&t->lock);
	*out = t->seen;
	out->names = memory_zeroed(out->count, sizeof(*out->names));
	if (out->count)
		memcpy(out->names, t->seen.names, out->count * sizeof(*out->names));
	pthread_mutex_unlock(&t->lock);
}

void tailnet_view_finish(struct tailnet_view *v)
{
	free(v->names);
	*v = (struct tailnet_view){ 0 };
}
