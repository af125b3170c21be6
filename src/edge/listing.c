#include "edge/listing.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"

bool listing_wants(const struct listing *l, const char *listener, uint16_t port,
		   const struct addr *client)
{
	if (l->listener[0] && strcmp(l->listener, listener) != 0)
		return false;
	if (l->port && l->port != port)
		return false;
	return !l->of_client || net_contains(&l->client, client);
}

static void make_room(struct listing *l, size_t room)
{
	struct listing_row *rows = reallocarray(l->rows, room, sizeof(*rows));

	if (!rows)
		panic("out of memory");
	l->rows = rows;
}

void listing_add(struct listing *l, const struct listing_row *row)
{
	/* The room doubles at each power of two. */
	if ((l->count & (l->count - 1)) == 0)
		make_room(l, l->count ? 2 * l->count : 1);
	l->rows[l->count++] = *row;
}

static int by(uint64_t a, uint64_t b)
{
	return a < b ? 1 : a > b ? -1 : 0;
}

static int by_age(const void *a, const void *b)
{
	return by(((const struct listing_row *)a)->age, ((const struct listing_row *)b)->age);
}

static int by_rate(const void *a, const void *b)
{
	return by(((const struct listing_row *)a)->rate, ((const struct listing_row *)b)->rate);
}

static int by_bytes(const void *a, const void *b)
{
	const struct listing_row *x = a, *y = b;

	return by(x->up + x->down, y->up + y->down);
}

void listing_trim(struct listing *l)
{
	static int (*const order[])(const void *, const void *) = {
		[LISTING_AGE] = by_age, [LISTING_RATE] = by_rate, [LISTING_BYTES] = by_bytes
	};

	if (l->count)
		qsort(l->rows, l->count, sizeof(*l->rows), order[l->sort]);
	if (l->limit && l->count > l->limit)
		l->count = l->limit;
}

void listing_merge(struct listing *to, const struct listing *from)
{
	to->matched += from->matched;
	to->total += from->total;
	if (from->count) {
		make_room(to, to->count + from->count);
		memcpy(to->rows + to->count, from->rows, from->count * sizeof(*from->rows));
		to->count += from->count;
	}
	listing_trim(to);
}

void listing_finish(struct listing *l)
{
	free(l->rows);
	l->rows = NULL;
	l->count = 0;
}
