/* names - the host names that servers have, and what they stand for now. Each is there once, however many
 * backends and configurations use it, and is kept for as long as one of them does.
 * The resolver's thread writes what DNS answers, another source may know better (names_tell()), every
 * worker reads: a flow never waits for DNS. All of it may be used from any thread: one mutex, held for
 * a copy of addresses, never while anything is asked. */
#ifndef TAILSPLICE_BACKEND_NAMES_H
#define TAILSPLICE_BACKEND_NAMES_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/addr.h"
#include "base/bits.h"
#include "base/list.h"

/* Of one name; a hostile answer has more. */
#define NAME_ADDRESSES_MAX 16

struct names {
	pthread_mutex_t lock; /* of the list and of what the names hold */
	pthread_cond_t answered;
	struct list list;
	int wake; /* eventfd: the resolver has something to ask; -1 before names_open() */
};

struct name {
	struct list node;
	struct names *names;
	char *host;
	size_t holders;
	struct addr at[NAME_ADDRESSES_MAX]; /* port 0 */
	size_t count;
	msec_t due;	  /* when to ask again; TIMER_NONE: never */
	msec_t asked;	  /* last; 0: never */
	msec_t good;	  /* when the addresses came; 0: never */
	bool is_out;	  /* the resolver is asking */
	bool is_answered; /* for good or ill */
	bool is_told;	  /* the addresses are another source's: DNS is not asked */
	char error[120];  /* of the last answer; "" when it was good */
};

/* 0, or a negative errno. */
int names_open(struct names *ns);
void names_close(struct names *ns);

/* One holder more; a new name is asked for at once, but DNS never knows a "tailnet:NODE" (SERVER_TAILNET). Not for
 * literals. */
struct name *name_hold(struct names *ns, const char *host);
void name_release(struct name *n);

/* Waits until every name had an answer, or `limit` milliseconds. */
void names_wait(struct names *ns, msec_t limit);

/* The last good answer, in its order. Returns how many; 0: none yet. */
size_t name_addresses(struct name *n, struct addr out[static NAME_ADDRESSES_MAX]);

/* False: nobody has answered yet, for good or ill. */
bool name_is_answered(struct name *n);

/* The addresses are no good, or there are none: DNS is asked again at once, but not more than once a second. */
void name_hurry(struct name *n);

/* A copy for the operator. */
struct name_view {
	struct addr at[NAME_ADDRESSES_MAX];
	size_t count;
	msec_t good;	    /* when they came; 0: never */
	const char *source; /* "dns" or "tailnet"; static */
	char error[120];    /* "": none */
};

void name_look(struct name *n, struct name_view *out);

/* Another source than DNS says what that host is: it holds, and DNS is not asked, until it is told again or
 * withdrawn. Without addresses, `error` is kept with those of before. False: nobody holds that name. */
bool names_tell(struct names *ns, const char *host, const struct addr *at, size_t count,
		const char *error);

/* It knows no longer. DNS is asked again (not for tailnet:NODE); the last addresses are kept meanwhile. */
void names_withdraw(struct names *ns, const char *host);

/* Each name that is held. visit() must not call any function of this module. */
void names_each(struct names *ns, void (*visit)(void *arg, const char *host), void *arg);

/* The rest is the resolver's. An answer has addresses, or an error in words; with neither the question was
 * not put, and is due again. */
struct name_answer {
	struct addr at[NAME_ADDRESSES_MAX];
	size_t count;
	unsigned ttl;	   /* seconds */
	const char *error; /* static */
	bool early; /* IPv4 addresses alone, while the other family is waited for; another answer follows */
};

/* Those that are to be asked for now, at most `max` of them; each stays until it is answered. *next is the time the
 * next is due, or TIMER_NONE. */
size_t names_take_due(struct names *ns, msec_t now, struct name **out, size_t max, msec_t *next);

/* Logs what changed. After an error the last good addresses are kept; an early answer leaves those of the other family, and
 * the question is still out. */
void name_answer(struct name *n, const struct name_answer *a, msec_t now);

#endif
