#include "edge/sources.h"

#include <arpa/inet.h>
#include <endian.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/list.h"

/* Powers of two. */
#define SHARDS	    64
#define BUCKETS	    1024
#define IDLE_MOST   (SOURCES_IDLE / SHARDS)
#define CHUNK	    64 /* entries of one allocation */
#define LOOK_AT	    8  /* of the idle, the oldest */
#define NS_PER_MS   1000000ull
#define IPV6_NARROW 64
#define IPV6_WIDE   48

enum kind { KIND_V4, KIND_V6_NARROW, KIND_V6_WIDE };

struct key {
	uint64_t prefix; /* the IPv4 address, or the first 64 bits with only those of the prefix set */
	uint64_t group_kind;
};

struct sources_entry {
	struct key key;
	struct sources_entry *next; /* of the bucket, or of the unused */
	struct sources_entry *wide; /* the /48 it is in; while it has flows */
	struct list idle;	    /* while it has none */
	/* The rate is the generic cell rate algorithm (ITU-T I.371): the time until which connections are paid for,
	 * in nanoseconds. It is a token bucket with one number, whose unit no reload changes. */
	uint64_t paid;
	uint32_t flows;
	uint32_t shard;
};

struct chunk {
	struct chunk *next;
	struct sources_entry at[CHUNK];
};

struct shard {
	pthread_mutex_t lock;
	struct sources_entry *buckets[BUCKETS];
	struct sources_entry *unused;
	struct chunk *chunks;
	struct list idle; /* since they became so: the oldest first */
	size_t nidle, count;
};

struct sources {
	/* Secret, so that nobody can choose addresses that collide: multiply-shift hashing (Dietzfelbinger 1996)
	 * is universal. */
	unsigned __int128 secret[3];
	struct shard shards[SHARDS];
};

struct sources *sources_open(void)
{
	struct sources *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	if (getrandom(s->secret, sizeof(s->secret), 0) != sizeof(s->secret)) {
		free(s);
		return NULL;
	}
	for (size_t i = 0; i < SHARDS; i++) {
		pthread_mutex_init(&s->shards[i].lock, NULL);
		list_init(&s->shards[i].idle);
	}
	return s;
}

void sources_close(struct sources *s)
{
	struct chunk *c;

	for (size_t i = 0; s && i < SHARDS; i++) {
		while ((c = s->shards[i].chunks)) {
			s->shards[i].chunks = c->next;
			free(c);
		}
		pthread_mutex_destroy(&s->shards[i].lock);
	}
	free(s);
}

static uint64_t hash(const struct sources *s, const struct key *k)
{
	return (uint64_t)((s->secret[0] * k->prefix + s->secret[1] * k->group_kind +
			   s->secret[2]) >>
			  64);
}

static struct sources_entry **bucket_of(const struct sources *s, struct shard *sh,
					const struct key *k)
{
	return &sh->buckets[hash(s, k) >> 32 & (BUCKETS - 1)];
}

static bool same_key(const struct key *a, const struct key *b)
{
	return a->prefix == b->prefix && a->group_kind == b->group_kind;
}

static struct sources_entry *unused_of(struct shard *sh)
{
	struct sources_entry *e = sh->unused;
	struct chunk *c;

	if (e) {
		sh->unused = e->next;
		return e;
	}
	c = malloc(sizeof(*c));
	if (!c)
		return NULL;
	c->next = sh->chunks;
	sh->chunks = c;
	for (size_t i = 1; i < CHUNK; i++) {
		c->at[i].next = sh->unused;
		sh->unused = &c->at[i];
	}
	return &c->at[0];
}

/* It has no flow. */
static void forget(const struct sources *s, struct shard *sh, struct sources_entry *e)
{
	struct sources_entry **at = bucket_of(s, sh, &e->key);

	while (*at != e)
		at = &(*at)->next;
	*at = e->next;
	if (!list_empty(&e->idle)) {
		list_del(&e->idle);
		sh->nidle--;
	}
	e->next = sh->unused;
	sh->unused = e;
	sh->count--;
}

/* Whoever is no longer in debt is as a stranger. Above the most, the one with the least debt of the oldest goes: a flood of
 * new sources does not wash away those that the limits are for. */
static void tidy(const struct sources *s, struct shard *sh, uint64_t now)
{
	struct sources_entry *least = NULL;
	size_t seen = 0;

	list_each(node, &sh->idle) {
		struct sources_entry *e = container_of(node, struct sources_entry, idle);

		if (seen++ == LOOK_AT)
			break;
		if (e->paid <= now)
			forget(s, sh, e);
		else if (!least || e->paid < least->paid)
			least = e;
	}
	if (sh->nidle > IDLE_MOST)
		forget(s, sh, least);
}

/* Found or new, in any case on no list of the idle; NULL: memory is out. */
static struct sources_entry *pick(const struct sources *s, struct shard *sh, uint32_t shard,
				  const struct key *k)
{
	struct sources_entry **at = bucket_of(s, sh, k), *e;

	for (e = *at; e && !same_key(&e->key, k); e = e->next)
		;
	if (e) {
		if (!list_empty(&e->idle)) {
			list_del(&e->idle);
			sh->nidle--;
		}
		return e;
	}
	e = unused_of(sh);
	if (!e)
		return NULL;
	*e = (struct sources_entry){ .key = *k, .next = *at, .shard = shard };
	list_init(&e->idle);
	*at = e;
	sh->count++;
	return e;
}

/* Nobody holds it now: remembered only if there is something to remember. */
static void put_back(const struct sources *s, struct shard *sh, struct sources_entry *e,
		     uint64_t now)
{
	if (!e || e->flows)
		return;
	if (e->paid <= now) {
		forget(s, sh, e);
		return;
	}
	list_add(&sh->idle, &e->idle);
	sh->nidle++;
	tidy(s, sh, now);
}

static uint64_t paid_after(const struct sources_entry *e, const struct source_limits *l,
			   uint64_t times, uint64_t now)
{
	return max_of(e->paid, now) + l->per * NS_PER_MS / (l->count * times);
}

static enum why judge(const struct sources_entry *e, const struct source_limits *l, uint64_t times,
		      uint64_t now)
{
	if (l->flows && e->flows >= l->flows * times)
		return WHY_LIMIT_SOURCE;
	if (l->count && paid_after(e, l, times, now) - now > l->per * NS_PER_MS)
		return WHY_LIMIT_RATE;
	return WHY_NONE;
}

static void take(struct sources_entry *e, const struct source_limits *l, uint64_t times,
		 uint64_t now)
{
	e->flows++;
	if (l->count)
		e->paid = paid_after(e, l, times, now);
}

/* Both keys of a client, the same for IPv4; false when it has none. */
static bool keys_of_client(const struct addr *client, size_t group, struct key *narrow,
			   struct key *wide)
{
	struct addr a = *client;
	uint64_t half;

	addr_fold(&a);
	*narrow = *wide = (struct key){ 0 };
	if (a.sa.sa_family == AF_INET) {
		narrow->prefix = ntohl(a.v4.sin_addr.s_addr);
		narrow->group_kind = (uint64_t)group << 2 | KIND_V4;
		*wide = *narrow;
		return true;
	}
	if (a.sa.sa_family != AF_INET6)
		return false;
	memcpy(&half, a.v6.sin6_addr.s6_addr, sizeof(half));
	narrow->prefix = be64toh(half);
	narrow->group_kind = (uint64_t)group << 2 | KIND_V6_NARROW;
	wide->prefix = narrow->prefix >> (IPV6_NARROW - IPV6_WIDE) << (IPV6_NARROW - IPV6_WIDE);
	wide->group_kind = (uint64_t)group << 2 | KIND_V6_WIDE;
	return true;
}

/* The shard is locked. */
static enum why enter(const struct sources *s, struct shard *sh, struct sources_entry *e,
		      struct sources_entry *wide, const struct source_limits *l, uint64_t now)
{
	enum why why = judge(e, l, 1, now);

	if (why == WHY_NONE && wide)
		why = judge(wide, l, SOURCES_WIDE, now);
	if (why == WHY_NONE) {
		take(e, l, 1, now);
		e->wide = wide;
		if (wide)
			take(wide, l, SOURCES_WIDE, now);
	}
	put_back(s, sh, e, now);
	put_back(s, sh, wide, now);
	return why;
}

enum why sources_enter(struct sources *s, size_t group, const struct addr *client,
		       const struct source_limits *limits, msec_t now, struct sources_entry **out)
{
	struct sources_entry *e, *wide = NULL;
	enum why why = WHY_NONE;
	struct key narrow, around;
	struct shard *sh;
	uint32_t shard;
	bool counted;

	*out = NULL;
	if (!s || (!limits->flows && !limits->count) ||
	    !keys_of_client(client, group, &narrow, &around))
		return WHY_NONE;
	/* A /48 with all its /64s is in one shard: one lock for both. */
	shard = (uint32_t)(hash(s, &around) >> 8 & (SHARDS - 1));
	sh = &s->shards[shard];
	pthread_mutex_lock(&sh->lock);
	e = pick(s, sh, shard, &narrow);
	if (e && !same_key(&narrow, &around))
		wide = pick(s, sh, shard, &around);
	counted = e && (wide || same_key(&narrow, &around));
	if (counted)
		why = enter(s, sh, e, wide, limits, now * NS_PER_MS);
	else
		put_back(s, sh, e, now * NS_PER_MS);
	pthread_mutex_unlock(&sh->lock);
	*out = counted && why == WHY_NONE ? e : NULL;
	return why;
}

void sources_leave(struct sources *s, struct sources_entry *source, msec_t now)
{
	struct shard *sh;

	if (!source)
		return;
	sh = &s->shards[source->shard];
	pthread_mutex_lock(&sh->lock);
	if (source->wide) {
		source->wide->flows--;
		put_back(s, sh, source->wide, now * NS_PER_MS);
	}
	source->flows--;
	put_back(s, sh, source, now * NS_PER_MS);
	pthread_mutex_unlock(&sh->lock);
}

struct sources_size sources_size(struct sources *s)
{
	struct sources_size size = { 0 };

	for (size_t i = 0; i < SHARDS; i++) {
		pthread_mutex_lock(&s->shards[i].lock);
		size.entries += s->shards[i].count;
		size.idle += s->shards[i].nidle;
		pthread_mutex_unlock(&s->shards[i].lock);
	}
	return size;
}
