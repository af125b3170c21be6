/* bans - networks whose clients are turned away, each for a time. The main thread keeps the list;
 * workers read a set made of it, which never changes and is counted. */
#ifndef TAILSPLICE_EDGE_BANS_H
#define TAILSPLICE_EDGE_BANS_H

#include <stdbool.h>
#include <time.h>

#include "base/bits.h"
#include "base/net.h"
#include "base/prefixes.h"

/* More are refused: the set is made anew at each change. */
#define BANS_MAX 65536

struct ban {
	struct net net;
	msec_t until; /* TIMER_NONE: until it is lifted */
	time_t since; /* wall clock */
};

struct bans {
	struct ban *at; /* in order of family and address, a wider network before those within */
	size_t count;
	msec_t due; /* none is over before */
};

/* Banned again, the new time holds. 0, or -ENOSPC. */
int bans_add(struct bans *b, const struct net *net, msec_t until);

/* 0; -ENOENT: it is not banned. Of what stays, *wider, when `wider` is not NULL, is the narrowest
 * ban that covers it, or NULL: then its clients are turned away still. Valid until the next change. */
int bans_remove(struct bans *b, const struct net *net, const struct ban **wider);

/* Forgets those that are over; when the next will be (TIMER_NONE: never). */
msec_t bans_expire(struct bans *b, msec_t now);

void bans_finish(struct bans *b);

/* For the workers: each ban with its end. NULL when nothing is banned. The caller is its first holder. */
struct prefixes *bans_freeze(const struct bans *b);

/* Banned now? Any thread. */
bool bans_hit(const struct prefixes *bans, const struct addr *a, msec_t now);

#endif
