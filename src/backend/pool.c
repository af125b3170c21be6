#include "backend/pool.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/net.h"
#include "engine/timer.h"

/* A weight is counted in so many parts, for slow start. */
#define PARTS 256

/* One that a flow may be led to. */
struct candidate {
	struct pool_member *member;
	uint64_t weight;
	double key; /* the least is the best */
};

void pool_open(struct pool *p, const struct backend_conf *conf, struct registry *registry)
{
	const struct servers *servers = &conf->servers;

	*p = (struct pool){ .conf = conf, .count = servers->count };
	p->at = memory_zeroed(p->count, sizeof(*p->at));
	for (size_t i = 0; i < p->count; i++)
		p->at[i] = (struct pool_member){
			.server = server_hold(registry, conf->section.name, servers->at[i].host,
					      servers->at[i].port, conf->via.host != NULL),
			.weight = servers->at[i].weight,
			.backup = servers->at[i].backup,
		};
	if (conf->via.name)
		p->proxy = name_hold(&registry->names, conf->via.name);
	pthread_mutex_init(&p->lock, NULL);
}

void pool_close(struct pool *p)
{
	if (!p->at)
		return;
	for (size_t i = 0; i < p->count; i++)
		server_release(p->at[i].server);
	if (p->proxy)
		name_release(p->proxy);
	free(p->at);
	p->at = NULL;
	pthread_mutex_destroy(&p->lock);
}

struct server *pool_find(const struct pool *p, const char *text)
{
	struct server *by_host = NULL;
	char own[SERVER_TEXT];
	size_t hosts = 0;

	for (size_t i = 0; i < p->count; i++) {
		struct server *s = p->at[i].server;

		if (strcasecmp(server_format(s, own), text) == 0)
			return s;
		if (strcasecmp(s->host, text) == 0) {
			by_host = s;
			hosts++;
		}
	}
	return hosts == 1 ? by_host : NULL;
}

bool pool_is_asking(struct pool *p)
{
	for (size_t i = 0; i < p->count; i++)
		if (p->at[i].server->name && !name_is_answered(p->at[i].server->name))
			return true;
	return p->proxy && !name_is_answered(p->proxy);
}

bool pool_proxy(struct pool *p, struct addr *out)
{
	struct addr at[NAME_ADDRESSES_MAX];

	*out = p->conf->via.at;
	if (!p->proxy)
		return true;
	if (!name_addresses(p->proxy, at)) {
		name_hurry(p->proxy);
		return false;
	}
	addr_set_port(&at[0], addr_port(out));
	*out = at[0];
	return true;
}

/* A server that came back gets its share of flows bit by bit. */
static uint64_t weight_now(const struct pool *p, const struct pool_member *m)
{
	uint64_t full = (uint64_t)m->weight * PARTS;
	msec_t since, span = p->conf->slowstart, past;

	if (!span)
		return full;
	since = server_back_since(m->server);
	past = since ? timer_now() - since : span;
	return past < span ? max_of(full * past / span, (uint64_t)1) : full;
}

unsigned pool_share(const struct pool *p, const struct pool_member *m)
{
	return (unsigned)(weight_now(p, m) * 100 / ((uint64_t)m->weight * PARTS));
}

static size_t gather(struct pool *p, bool backup, struct candidate *out)
{
	size_t count = 0;

	for (size_t i = 0; i < p->count; i++) {
		struct pool_member *m = &p->at[i];

		if (m->backup != backup || atomic_load(&m->server->admin) != SERVER_READY ||
		    !server_is_up(m->server))
			continue;
		out[count] = (struct candidate){ m, weight_now(p, m), (double)count };
		count++;
	}
	return count;
}

/* Smooth weighted round robin among those of the least key: each gains its weight, the richest is chosen and
 * pays for all. In as many turns as there is weight, each has exactly its share, evenly spread. */
static size_t take_turn(struct pool *p, struct candidate *c, size_t count, double least)
{
	int64_t total = 0;
	size_t best = count;

	pthread_mutex_lock(&p->lock);
	for (size_t i = 0; i < count; i++) {
		if (c[i].key > least)
			continue;
		total += (int64_t)c[i].weight;
		c[i].member->turn += (int64_t)c[i].weight;
		if (best == count || c[i].member->turn > c[best].member->turn)
			best = i;
	}
	c[best].member->turn -= total;
	pthread_mutex_unlock(&p->lock);
	return best;
}

static void by_turns(struct pool *p, struct candidate *c, size_t count)
{
	size_t first;

	for (size_t i = 0; i < count; i++)
		c[i].key = 0;
	first = take_turn(p, c, count, 0);
	for (size_t i = 0; i < count; i++)
		c[i].key = (double)((i + count - first) % count);
}

static void by_load(struct pool *p, struct candidate *c, size_t count)
{
	double least = INFINITY;

	for (size_t i = 0; i < count; i++) {
		size_t live =
			atomic_load_explicit(&c[i].member->server->live, memory_order_relaxed);

		c[i].key = (double)(live + 1) / (double)c[i].weight;
		least = min_of(least, c[i].key);
	}
	c[take_turn(p, c, count, least)].key = -1;
}

/* FNV-1a, then the finisher of SplitMix64: neighbours land far apart. */
static uint64_t hash(uint64_t h, const void *bytes, size_t len)
{
	const uint8_t *b = bytes;

	for (size_t i = 0; i < len; i++)
		h = (h ^ b[i]) * 0x100000001b3;
	return h;
}

static uint64_t spread(uint64_t h)
{
	h = (h ^ (h >> 30)) * 0xbf58476d1ce4e5b9;
	h = (h ^ (h >> 27)) * 0x94d049bb133111eb;
	return h ^ (h >> 31);
}

/* Rendezvous hashing with weights: each server draws a number for this client, the best keeps it; so one server
 * less moves only its own clients. A client is an IPv4 address or an IPv6 /64. */
static void by_source(struct candidate *c, size_t count, const struct addr *client)
{
	uint8_t key[16];
	bool v4;

	net_key(client, key);
	v4 = client->sa.sa_family == AF_INET;
	for (size_t i = 0; i < count; i++) {
		const struct pool_member *m = c[i].member;
		uint64_t h = hash(0xcbf29ce484222325, key, v4 ? sizeof(key) : 8);

		h = hash(h, m->server->host, strlen(m->server->host) + 1);
		h = spread(hash(h, &m->server->port, sizeof(m->server->port)));
		/* In (0, 1]. */
		c[i].key = -log(((double)(h >> 11) + 1) / 0x1p53) / m->weight;
	}
}

static void sort(struct candidate *c, size_t count)
{
	for (size_t i = 1; i < count; i++) {
		struct candidate moving = c[i];
		size_t k = i;

		for (; k && c[k - 1].key > moving.key; k--)
			c[k] = c[k - 1];
		c[k] = moving;
	}
}

static void rank(struct pool *p, struct candidate *c, size_t count, const struct addr *client)
{
	switch ((enum balance)p->conf->balance) {
	case BALANCE_FIRST:
		break;
	case BALANCE_ROUNDROBIN:
		by_turns(p, c, count);
		break;
	case BALANCE_LEASTCONN:
		by_load(p, c, count);
		break;
	case BALANCE_SOURCE:
		by_source(c, count, client);
		break;
	}
	sort(c, count);
}

static int nothing_to_choose(struct pool *p)
{
	for (size_t i = 0; i < p->count; i++)
		if (server_is_known(p->at[i].server))
			return POOL_ALL_DOWN;
	return POOL_NO_ADDRESS;
}

size_t pool_choose(struct pool *p, const struct addr *client, uint16_t port,
		   struct choice out[static POOL_CHOICES_MAX], int *error)
{
	struct candidate c[BACKEND_SERVERS_MAX];
	struct addr at[NAME_ADDRESSES_MAX];
	size_t servers, count = 0, n;

	*error = POOL_NO_ADDRESS;
	if (!pool_proxy(p, &at[0]))
		return 0;
	servers = gather(p, false, c);
	if (!servers)
		servers = gather(p, true, c);
	if (servers > 1)
		rank(p, c, servers, client);
	for (size_t i = 0; i < servers; i++) {
		n = server_addresses(c[i].member->server, port, at);
		n = servers > 1 ? min_of(n, (size_t)POOL_SHARE) : n;
		for (size_t k = 0; k < n && count < POOL_CHOICES_MAX; k++)
			out[count++] = (struct choice){ at[k], c[i].member->server };
	}
	*error = count ? 0 : nothing_to_choose(p);
	return count;
}
