/* localapi - talking to tailscaled over its unix socket: HTTP/1.1, read only. Any local user may read (ipn/ipnserver: the
 * socket is 0666), so it works after the privileges are gone, too.
 *
 * One object belongs to one thread. It holds a stream on which tailscaled tells that something has changed (of which nothing is
 * kept: each line is one change), and asks for the status when told to. */
#ifndef TAILSPLICE_BACKEND_LOCALAPI_H
#define TAILSPLICE_BACKEND_LOCALAPI_H

#include <stdbool.h>
#include <stddef.h>

#include "base/bits.h"

/* Of a status: some 2 KB for each node. */
#define LOCALAPI_ANSWER_MAX (32u << 20)

#define LOCALAPI_WHY 256

struct localapi;

/* What came in since the last turn. */
struct localapi_news {
	bool changed;	    /* ask */
	bool answered;	    /* to localapi_ask(): `answer`, or `why` there is none */
	bool lost;	    /* the stream ended, or never began: `why` */
	const char *answer; /* the object's, until the next turn; NULL: none */
	size_t len;
	const char *why; /* the object's: one line for people */
};

/* The path is copied. Never NULL. */
struct localapi *localapi_open(const char *socket);
void localapi_close(struct localapi *l);

/* Begins the stream. */
void localapi_follow(struct localapi *l);
bool localapi_follows(const struct localapi *l);

/* The answer comes within `limit` milliseconds; nothing, while one is awaited. */
void localapi_ask(struct localapi *l, msec_t limit);
bool localapi_waits(const struct localapi *l);

/* Waits up to `wait` milliseconds for news. */
void localapi_turn(struct localapi *l, int wait, struct localapi_news *out);

/* The turn under way, or the next, returns at once. Any thread. */
void localapi_wake(struct localapi *l);

#endif
