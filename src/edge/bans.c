#include "edge/bans.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "engine/timer.h"

/* An address as a number. */
typedef unsigned __int128 key_t128;

struct range {
	key_t128 first, last;
	msec_t until;
};

/* The families stand apart: as mapped addresses, all of IPv4 would be within a ban of ::/0. */
struct ban_set {
	atomic_size_t holders;
	size_t v4, count;  /* IPv4's ranges are the first `v4` of `count` */
	struct range at[]; /* of a family in order, none meets another */
};

static bool is_v4(const struct addr *a)
{
	return a->sa.sa_family == AF_INET;
}

static key_t128 key_of(const struct addr *a)
{
	uint8_t bytes[16];
	key_t128 key = 0;

	net_key(a, bytes);
	for (size_t i = 0; i < sizeof(bytes); i++)
		key = key << 8 | bytes[i];
	return key;
}

static struct range range_of(const struct ban *b)
{
	unsigned host = (is_v4(&b->net.base) ? 32 : 128) - b->net.bits;
	key_t128 first = key_of(&b->net.base);
	key_t128 tail = host == 128 ? ~(key_t128)0 : ((key_t128)1 << host) - 1;

	return (struct range){ first, first | tail, b->until };
}

/* The order of the list. */
static int compare(const struct net *a, const struct net *b)
{
	key_t128 x = key_of(&a->base), y = key_of(&b->base);

	if (is_v4(&a->base) != is_v4(&b->base))
		return is_v4(&a->base) ? -1 : 1;
	if (x != y)
		return x < y ? -1 : 1;
	return (a->bits > b->bits) - (a->bits < b->bits);
}

/* Its place, or where it would be. */
static size_t place_of(const struct bans *b, const struct net *net)
{
	size_t low = 0, high = b->count, middle;

	while (low < high) {
		middle = low + (high - low) / 2;
		if (compare(&b->at[middle].net, net) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static bool is_at(const struct bans *b, size_t i, const struct net *net)
{
	return i < b->count && net_equal(&b->at[i].net, net);
}

int bans_add(struct bans *b, const struct net *net, msec_t until)
{
	size_t i = place_of(b, net);

	if (!is_at(b, i, net)) {
		if (b->count == BANS_MAX)
			return -ENOSPC;
		b->at = memory_grow(b->at, b->count, sizeof(*b->at));
		memmove(&b->at[i + 1], &b->at[i], (b->count - i) * sizeof(*b->at));
		b->count++;
		b->at[i] = (struct ban){ .net = *net, .since = time(NULL) };
	}
	b->at[i].until = until;
	b->due = min_of(b->due, until);
	return 0;
}

/* Those that cover one network are nested, and the narrowest stands last. */
static const struct ban *narrowest_around(const struct bans *b, const struct net *net)
{
	for (size_t i = place_of(b, net); i > 0; i--)
		if (net_covers(&b->at[i - 1].net, net))
			return &b->at[i - 1];
	return NULL;
}

int bans_remove(struct bans *b, const struct net *net, const struct ban **wider)
{
	size_t i = place_of(b, net);
	bool found = is_at(b, i, net);

	if (found) {
		b->count--;
		memmove(&b->at[i], &b->at[i + 1], (b->count - i) * sizeof(*b->at));
	}
	if (wider)
		*wider = narrowest_around(b, net);
	return found ? 0 : -ENOENT;
}

msec_t bans_expire(struct bans *b, msec_t now)
{
	size_t kept = 0;

	/* Asked at each turn of the main thread. */
	if (now < b->due)
		return b->due;
	b->due = TIMER_NONE;
	for (size_t i = 0; i < b->count; i++) {
		if (b->at[i].until <= now)
			continue;
		b->due = min_of(b->due, b->at[i].until);
		b->at[kept++] = b->at[i];
	}
	b->count = kept;
	return b->due;
}

void bans_finish(struct bans *b)
{
	free(b->at);
	*b = (struct bans){ 0 };
}

/* Networks are nested or disjoint, so the ones around the current place form a stack, at most one
 * for each length of a prefix. */
struct flattening {
	struct ban_set *out;
	struct range around[129];
	size_t depth;
	key_t128 at; /* everything before it has its range */
	bool at_end; /* the last address has its range, and `at` is 0 again */
};

static void emit(struct flattening *f, key_t128 last)
{
	f->out->at[f->out->count++] = (struct range){ f->at, last, f->around[f->depth - 1].until };
}

static void leave(struct flattening *f)
{
	key_t128 last = f->around[f->depth - 1].last;

	/* An inner one may end where the outer does. */
	if (!f->at_end && f->at <= last)
		emit(f, last);
	f->depth--;
	f->at = last + 1;
	f->at_end = f->at == 0;
}

static void enter(struct flattening *f, const struct range *r)
{
	while (f->depth && f->around[f->depth - 1].last < r->first)
		leave(f);
	if (f->depth && f->at < r->first)
		emit(f, r->first - 1);
	f->around[f->depth] = *r;
	if (f->depth)
		f->around[f->depth].until = max_of(r->until, f->around[f->depth - 1].until);
	f->depth++;
	f->at = r->first;
}

/* The bans from..to are of one family. */
static void flatten(struct ban_set *out, const struct bans *b, size_t from, size_t to)
{
	struct flattening f = { .out = out };

	for (size_t i = from; i < to; i++) {
		struct range r = range_of(&b->at[i]);

		enter(&f, &r);
	}
	while (f.depth)
		leave(&f);
}

struct ban_set *ban_set_make(const struct bans *b)
{
	struct ban_set *s;
	size_t v6 = 0;

	if (!b->count)
		return NULL;
	while (v6 < b->count && is_v4(&b->at[v6].net.base))
		v6++;
	/* Each network adds at most two ranges. */
	s = memory_zeroed(1, sizeof(*s) + 2 * b->count * sizeof(struct range));
	atomic_init(&s->holders, 1);
	flatten(s, b, 0, v6);
	s->v4 = s->count;
	flatten(s, b, v6, b->count);
	return s;
}

struct ban_set *ban_set_get(struct ban_set *s)
{
	if (s)
		atomic_fetch_add_explicit(&s->holders, 1, memory_order_relaxed);
	return s;
}

void ban_set_put(struct ban_set *s)
{
	if (s && atomic_fetch_sub_explicit(&s->holders, 1, memory_order_acq_rel) == 1)
		free(s);
}

static bool is_within(const struct range *at, size_t count, key_t128 key, msec_t now)
{
	size_t low = 0, high = count, middle;

	while (low < high) {
		middle = low + (high - low) / 2;
		if (at[middle].last < key)
			low = middle + 1;
		else
			high = middle;
	}
	return low < count && at[low].first <= key && now < at[low].until;
}

bool ban_set_has(const struct ban_set *s, const struct addr *a, msec_t now)
{
	struct addr folded = *a;

	addr_fold(&folded);
	if (!s || folded.sa.sa_family == AF_UNSPEC)
		return false;
	if (is_v4(&folded))
		return is_within(s->at, s->v4, key_of(&folded), now);
	return is_within(s->at + s->v4, s->count - s->v4, key_of(&folded), now);
}
