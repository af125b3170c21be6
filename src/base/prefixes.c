#include "base/prefixes.h"

#include <arpa/inet.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/bits.h"
#include "base/memory.h"

/* An address as a number. */
typedef unsigned __int128 key_t128;

/* Networks are cut into spans that do not meet, each from its first address to the next one's. A search then compares
 * numbers in one array: of IPv4 that is 4 bytes a span, which stays in a core's cache where a trie would not. */
struct prefixes {
	atomic_size_t holders;
	size_t count4, count6;
	key_t128 *first6;
	uint64_t *value4, *value6;
	uint32_t *first4;
};

static bool is_v4(const struct addr *a)
{
	return a->sa.sa_family == AF_INET;
}

static key_t128 key_of(const struct addr *a)
{
	const uint8_t *at = a->v6.sin6_addr.s6_addr;
	key_t128 key = 0;

	if (is_v4(a))
		return ntohl(a->v4.sin_addr.s_addr);
	for (size_t i = 0; i < 16; i++)
		key = key << 8 | at[i];
	return key;
}

int prefix_compare_nets(const struct net *a, const struct net *b)
{
	key_t128 x = key_of(&a->base), y = key_of(&b->base);

	if (is_v4(&a->base) != is_v4(&b->base))
		return is_v4(&a->base) ? -1 : 1;
	if (x != y)
		return x < y ? -1 : 1;
	return (a->bits > b->bits) - (a->bits < b->bits);
}

int prefix_compare(const void *a, const void *b)
{
	const struct prefix *x = a, *y = b;
	int order = prefix_compare_nets(&x->net, &y->net);

	return order ? order : (x->value > y->value) - (x->value < y->value);
}

struct range {
	key_t128 first, last;
	uint64_t value;
};

/* Networks are nested or disjoint, so the ones around the current place form a stack: at most one for each length of a
 * prefix, those that stand there twice folded into one. */
struct cutting {
	key_t128 *first;
	uint64_t *value;
	size_t count;
	struct range around[129];
	size_t depth;
	uint64_t (*nest)(uint64_t outer, uint64_t inner);
};

static void begin_span(struct cutting *c, key_t128 first, uint64_t value)
{
	/* What began there before is empty. */
	if (c->count && c->first[c->count - 1] == first)
		c->count--;
	if (c->count && c->value[c->count - 1] == value)
		return;
	c->first[c->count] = first;
	c->value[c->count++] = value;
}

static void leave(struct cutting *c, key_t128 most)
{
	key_t128 last = c->around[--c->depth].last;

	if (last != most)
		begin_span(c, last + 1, c->depth ? c->around[c->depth - 1].value : 0);
}

static void enter(struct cutting *c, const struct range *r, key_t128 most)
{
	uint64_t value = r->value;

	while (c->depth && c->around[c->depth - 1].last < r->first)
		leave(c, most);
	if (c->depth && c->nest)
		value = c->nest(c->around[c->depth - 1].value, value);
	if (c->depth && c->around[c->depth - 1].first == r->first &&
	    c->around[c->depth - 1].last == r->last)
		c->depth--;
	c->around[c->depth] = (struct range){ r->first, r->last, value };
	c->depth++;
	begin_span(c, r->first, value);
}

/* Those of one family; first and value have room for twice as many and one. */
static size_t cut(const struct prefix *at, size_t count, unsigned width,
		  uint64_t (*nest)(uint64_t, uint64_t), key_t128 *first, uint64_t *value)
{
	key_t128 most = width == 128 ? ~(key_t128)0 : ((key_t128)1 << width) - 1;
	struct cutting c = { .first = first, .value = value, .nest = nest };

	begin_span(&c, 0, 0);
	for (size_t i = 0; i < count; i++) {
		unsigned host = width - at[i].net.bits;
		key_t128 tail = host == 128 ? most : ((key_t128)1 << host) - 1;
		struct range r = { .first = key_of(&at[i].net.base), .value = at[i].value };

		r.last = r.first | tail;
		enter(&c, &r, most);
	}
	while (c.depth)
		leave(&c, most);
	return c.count;
}

static void *trimmed(void *at, size_t size)
{
	void *less = realloc(at, size);

	return less ? less : at;
}

static void fill_v6(struct prefixes *p, const struct prefix *at, size_t count,
		    uint64_t (*nest)(uint64_t, uint64_t))
{
	p->first6 = memory_zeroed(2 * count + 1, sizeof(*p->first6));
	p->value6 = memory_zeroed(2 * count + 1, sizeof(*p->value6));
	p->count6 = cut(at, count, 128, nest, p->first6, p->value6);
	p->first6 = trimmed(p->first6, p->count6 * sizeof(*p->first6));
	p->value6 = trimmed(p->value6, p->count6 * sizeof(*p->value6));
}

static void fill_v4(struct prefixes *p, const struct prefix *at, size_t count,
		    uint64_t (*nest)(uint64_t, uint64_t))
{
	key_t128 *wide = memory_zeroed(2 * count + 1, sizeof(*wide));

	p->value4 = memory_zeroed(2 * count + 1, sizeof(*p->value4));
	p->count4 = cut(at, count, 32, nest, wide, p->value4);
	p->value4 = trimmed(p->value4, p->count4 * sizeof(*p->value4));
	p->first4 = memory_zeroed(p->count4, sizeof(*p->first4));
	for (size_t i = 0; i < p->count4; i++)
		p->first4[i] = (uint32_t)wide[i];
	free(wide);
}

struct prefixes *prefixes_make(const struct prefix *at, size_t count,
			       uint64_t (*nest)(uint64_t outer, uint64_t inner))
{
	struct prefixes *p;
	size_t v4 = 0;

	if (!count)
		return NULL;
	while (v4 < count && is_v4(&at[v4].net.base))
		v4++;
	p = memory_zeroed(1, sizeof(*p));
	atomic_init(&p->holders, 1);
	fill_v4(p, at, v4, nest);
	fill_v6(p, at + v4, count - v4, nest);
	return p;
}

struct prefixes *prefixes_get(struct prefixes *p)
{
	if (p)
		atomic_fetch_add_explicit(&p->holders, 1, memory_order_relaxed);
	return p;
}

void prefixes_put(struct prefixes *p)
{
	if (!p || atomic_fetch_sub_explicit(&p->holders, 1, memory_order_acq_rel) > 1)
		return;
	free(p->first4);
	free(p->value4);
	free(p->first6);
	free(p->value6);
	free(p);
}

/* The last that begins at or before the key; the first begins at 0. Halves without a branch: which half it is cannot be
 * foretold, and the mistakes of the prediction would cost more than the search. */
#define FIND_LAST(type, first, count, key)                          \
	__extension__({                                             \
		const type *base_ = (first);                        \
		size_t left_ = (count);                             \
                                                                    \
		while (left_ > 1) {                                 \
			size_t half_ = left_ / 2;                   \
                                                                    \
			base_ += base_[half_] <= (key) ? half_ : 0; \
			left_ -= half_;                             \
		}                                                   \
		(size_t)(base_ - (first));                          \
	})

uint64_t prefixes_find(const struct prefixes *p, const struct addr *a)
{
	struct addr folded = *a;
	key_t128 key;

	addr_fold(&folded);
	if (!p || folded.sa.sa_family == AF_UNSPEC)
		return 0;
	key = key_of(&folded);
	if (is_v4(&folded))
		return p->value4[FIND_LAST(uint32_t, p->first4, p->count4, (uint32_t)key)];
	return p->value6[FIND_LAST(key_t128, p->first6, p->count6, key)];
}
