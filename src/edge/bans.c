#include "edge/bans.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "engine/timer.h"

/* An address as a number: IPv4 as mapped, so that one order serves both. */
typedef unsigned __int128 key_t128;

struct range {
	key_t128 first, last;
	msec_t until;
};

struct ban_set {
	atomic_size_t holders;
	size_t count;
	struct range at[]; /* in order, none meets another */
};

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
	unsigned width = b->net.base.sa.sa_family == AF_INET ? 32 : 128;
	unsigned host = width - b->net.bits;
	key_t128 first = key_of(&b->net.base);
	key_t128 tail = host == 128 ? ~(key_t128)0 : ((key_t128)1 << host) - 1;

	return (struct range){ first, first | tail, b->until };
}

int bans_add(struct bans *b, const struct net *net, msec_t until)
{
	size_t i = 0;

	while (i < b->count && !net_equal(&b->at[i].net, net))
		i++;
	if (i == BANS_MAX)
		return -ENOSPC;
	if (i == b->count) {
		b->at = memory_grow(b->at, b->count++, sizeof(*b->at));
		b->at[i] = (struct ban){ .net = *net, .since = time(NULL) };
	}
	b->at[i].until = until;
	return 0;
}

static void drop(struct bans *b, size_t i)
{
	b->count--;
	memmove(&b->at[i], &b->at[i + 1], (b->count - i) * sizeof(*b->at));
}

int bans_remove(struct bans *b, const struct net *net, const struct ban **wider)
{
	const struct ban *found = NULL;

	for (size_t i = 0; i < b->count; i++) {
		if (net_equal(&b->at[i].net, net)) {
			drop(b, i);
			return 0;
		}
		if (net_covers(&b->at[i].net, net))
			found = &b->at[i];
	}
	if (wider)
		*wider = found;
	return -ENOENT;
}

msec_t bans_expire(struct bans *b, msec_t now)
{
	msec_t next = TIMER_NONE;
	size_t kept = 0;

	for (size_t i = 0; i < b->count; i++) {
		if (b->at[i].until <= now)
			continue;
		next = min_of(next, b->at[i].until);
		b->at[kept++] = b->at[i];
	}
	b->count = kept;
	return next;
}

void bans_finish(struct bans *b)
{
	free(b->at);
	*b = (struct bans){ 0 };
}

/* The outer before the inner. */
static int by_place(const void *a, const void *b)
{
	const struct range *x = a, *y = b;

	if (x->first != y->first)
		return x->first < y->first ? -1 : 1;
	return x->last > y->last ? -1 : x->last < y->last;
}

/* Networks are nested or disjoint, so the ones around the current place form a stack. */
struct flattening {
	struct ban_set *out;
	struct range *around;
	size_t depth;
	key_t128 at; /* everything before it has its range */
};

static void emit(struct flattening *f, key_t128 last)
{
	f->out->at[f->out->count++] = (struct range){ f->at, last, f->around[f->depth - 1].until };
}

static void leave(struct flattening *f)
{
	key_t128 last = f->around[f->depth - 1].last;

	/* An inner one may end where the outer does. `at` is 0 again behind the last address. */
	if (f->at <= last && !(f->at == 0 && f->out->count))
		emit(f, last);
	f->depth--;
	f->at = last + 1;
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

struct ban_set *ban_set_make(const struct bans *b)
{
	struct flattening f = { 0 };
	struct range *nets;

	if (!b->count)
		return NULL;
	nets = memory_zeroed(b->count, sizeof(*nets));
	for (size_t i = 0; i < b->count; i++)
		nets[i] = range_of(&b->at[i]);
	qsort(nets, b->count, sizeof(*nets), by_place);
	/* Each network adds at most two ranges. */
	f.out = memory_zeroed(1, sizeof(*f.out) + 2 * b->count * sizeof(struct range));
	f.around = memory_zeroed(b->count, sizeof(*f.around));
	atomic_init(&f.out->holders, 1);
	for (size_t i = 0; i < b->count; i++)
		enter(&f, &nets[i]);
	while (f.depth)
		leave(&f);
	free(f.around);
	free(nets);
	return f.out;
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

bool ban_set_has(const struct ban_set *s, const struct addr *a, msec_t now)
{
	key_t128 key = key_of(a);
	size_t low = 0, high = s->count, middle;

	while (low < high) {
		middle = low + (high - low) / 2;
		if (s->at[middle].last < key)
			low = middle + 1;
		else
			high = middle;
	}
	return low < s->count && s->at[low].first <= key && now < s->at[low].until;
}
