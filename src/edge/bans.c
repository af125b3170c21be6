#include "edge/bans.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "engine/timer.h"

/* Its place, or where it would be. */
static size_t place_of(const struct bans *b, const struct net *net)
{
	size_t low = 0, high = b->count, middle;

	while (low < high) {
		middle = low + (high - low) / 2;
		if (prefix_compare_nets(&b->at[middle].net, net) < 0)
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

/* A wider ban that lasts longer holds within a narrower one, too. */
static uint64_t longest(uint64_t outer, uint64_t inner)
{
	return max_of(outer, inner);
}

struct prefixes *bans_freeze(const struct bans *b)
{
	struct prefix *at = memory_zeroed(b->count, sizeof(*at));
	struct prefixes *p;

	for (size_t i = 0; i < b->count; i++)
		at[i] = (struct prefix){ b->at[i].net, b->at[i].until };
	p = prefixes_make(at, b->count, longest);
	free(at);
	return p;
}

bool bans_hit(const struct prefixes *bans, const struct addr *a, msec_t now)
{
	return now < prefixes_find(bans, a);
}
