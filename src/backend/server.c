#include "backend/server.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "config/model.h"
#include "engine/timer.h"

int registry_open(struct registry *r)
{
	pthread_mutex_init(&r->lock, NULL);
	list_init(&r->servers);
	return names_open(&r->names);
}

void registry_close(struct registry *r)
{
	names_close(&r->names);
	pthread_mutex_destroy(&r->lock);
}

static struct server *find(struct registry *r, const char *backend, const char *host, uint16_t port,
			   bool by_proxy)
{
	list_each(node, &r->servers) {
		struct server *s = container_of(node, struct server, node);

		if (s->port == port && s->by_proxy == by_proxy &&
		    strcmp(s->backend, backend) == 0 && strcasecmp(s->host, host) == 0)
			return s;
	}
	return NULL;
}

static struct server *add(struct registry *r, const char *backend, const char *host, uint16_t port,
			  bool by_proxy)
{
	struct server *s = memory_zeroed(1, sizeof(*s));

	s->registry = r;
	s->backend = memory_text(backend, strlen(backend));
	s->host = memory_text(host, strlen(host));
	s->port = port;
	s->by_proxy = by_proxy;
	if (addr_parse(&s->literal, host, 0))
		addr_fold(&s->literal);
	/* Of a node a proxy knows nothing. */
	else if (!by_proxy || server_node(host))
		s->name = name_hold(&r->names, host);
	health_init(&s->health);
	list_add(&r->servers, &s->node);
	return s;
}

struct server *server_hold(struct registry *r, const char *backend, const char *host, uint16_t port,
			   bool by_proxy)
{
	struct server *s;

	pthread_mutex_lock(&r->lock);
	s = find(r, backend, host, port, by_proxy);
	if (!s)
		s = add(r, backend, host, port, by_proxy);
	s->holders++;
	pthread_mutex_unlock(&r->lock);
	return s;
}

struct server *server_get(struct server *s)
{
	pthread_mutex_lock(&s->registry->lock);
	s->holders++;
	pthread_mutex_unlock(&s->registry->lock);
	return s;
}

static void drop(struct server *s)
{
	list_del(&s->node);
	if (s->name)
		name_release(s->name);
	if (s->proxy)
		name_release(s->proxy);
	health_finish(&s->health);
	free(s->backend);
	free(s->host);
	free(s);
}

void server_release(struct server *s)
{
	struct registry *r = s->registry;

	pthread_mutex_lock(&r->lock);
	if (--s->holders == 0)
		drop(s);
	pthread_mutex_unlock(&r->lock);
}

char *server_format(const struct server *s, char out[static SERVER_TEXT])
{
	bool bare_v6 = !s->name && *s->host != '[' && strchr(s->host, ':');

	if (s->port)
		snprintf(out, SERVER_TEXT, bare_v6 ? "[%s]:%u" : "%s:%u", s->host, s->port);
	else
		snprintf(out, SERVER_TEXT, "%s", s->host);
	return out;
}

/* In the order of the answer. */
static size_t find_up(struct server *s, struct addr at[static NAME_ADDRESSES_MAX])
{
	size_t count = 1, kept = 0;

	at[0] = s->literal;
	if (s->name)
		count = name_addresses(s->name, at);
	if (!count)
		name_hurry(s->name);
	for (size_t i = 0; i < count; i++)
		if (health_is_up(&s->health, &at[i]))
			at[kept++] = at[i];
	return kept;
}

static size_t take_turns(const struct addr *at, size_t count, int first, struct addr *out)
{
	size_t next[2] = { 0, 0 }, taken = 0;
	bool other = false;

	while (taken < count) {
		size_t *i = &next[other];

		while (*i < count && (at[*i].sa.sa_family == first) == other)
			(*i)++;
		if (*i < count)
			out[taken++] = at[(*i)++];
		other = !other;
	}
	return taken;
}

/* Of several flows at the time when it is due, one tries what the answer says. */
static int first_family(struct server *s, int answered)
{
	int remembered = atomic_load_explicit(&s->family, memory_order_relaxed);
	uint64_t since = atomic_load_explicit(&s->family_since, memory_order_relaxed);
	msec_t now;

	if (!remembered || remembered == answered)
		return answered;
	now = timer_now();
	if (now - since >= SERVER_FAMILY_HOLDS &&
	    atomic_compare_exchange_strong(&s->family_since, &since, now))
		return answered;
	return remembered;
}

size_t server_addresses(struct server *s, uint16_t port, struct addr out[static NAME_ADDRESSES_MAX])
{
	struct addr at[NAME_ADDRESSES_MAX];
	size_t count = find_up(s, at);

	for (size_t i = 0; i < count; i++)
		addr_set_port(&at[i], s->port ? s->port : port);
	return count ? take_turns(at, count, first_family(s, at[0].sa.sa_family), out) : 0;
}

bool server_is_up(struct server *s)
{
	struct addr at[NAME_ADDRESSES_MAX];

	return find_up(s, at) > 0;
}

bool server_has(struct server *s, const struct addr *at)
{
	struct addr own[NAME_ADDRESSES_MAX];
	size_t count = s->name ? name_addresses(s->name, own) : 0;

	for (size_t i = 0; i < count; i++) {
		addr_set_port(&own[i], addr_port(at));
		if (addr_equal(&own[i], at))
			return true;
	}
	return !count;
}

bool server_is_known(struct server *s)
{
	struct addr at[NAME_ADDRESSES_MAX];

	return !s->name || name_addresses(s->name, at);
}

void server_enter(struct server *s)
{
	atomic_fetch_add_explicit(&s->live, 1, memory_order_relaxed);
}

void server_leave(struct server *s)
{
	atomic_fetch_sub_explicit(&s->live, 1, memory_order_relaxed);
}

void server_note(struct server *s, const struct addr *at, enum health_event event)
{
	int family = at->sa.sa_family;

	health_note(&s->health, at, event);
	if (event == HEALTH_CLOSED_EARLY)
		return;
	if (event == HEALTH_CONNECT_FAILED) {
		family = family == AF_INET ? AF_INET6 : AF_INET;
		if (s->name)
			name_hurry(s->name);
	}
	if (atomic_load_explicit(&s->family, memory_order_relaxed) == family)
		return;
	atomic_store_explicit(&s->family_since, timer_now(), memory_order_relaxed);
	atomic_store_explicit(&s->family, family, memory_order_relaxed);
}

void server_set_admin(struct server *s, enum server_admin admin)
{
	if (atomic_exchange(&s->admin, admin) != admin && admin == SERVER_READY)
		atomic_store(&s->ready_since, timer_now());
}

const char *server_admin_name(enum server_admin admin)
{
	static const char *const names[] = {
		[SERVER_READY] = "ready", [SERVER_DRAIN] = "drain", [SERVER_MAINT] = "maint"
	};

	return names[admin];
}

msec_t server_back_since(const struct server *s)
{
	msec_t ready = atomic_load_explicit(&s->ready_since, memory_order_relaxed);

	return max_of(ready, health_up_since(&s->health));
}
