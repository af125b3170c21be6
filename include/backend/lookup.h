/* lookup - asks DNS for the addresses of names, without waiting: c-ares on the sockets of whoever calls it.
 * Also reads /etc/hosts, as nsswitch.conf(5) says. No search domains: a name that does not exist must not
 * become somebody else's. Used by the resolver's thread only. */
#ifndef TAILSPLICE_BACKEND_LOOKUP_H
#define TAILSPLICE_BACKEND_LOOKUP_H

#include <poll.h>

#include "backend/names.h"

/* ARES_GETSOCK_MAXNUM */
#define LOOKUP_SOCKETS 16

struct lookup {
	struct ares_channeldata *channel;
	struct question *open; /* that have no answer yet */
	const char *servers;   /* lent: "ADDRESS:PORT,…", or NULL: those of the system */
	int patience;	       /* milliseconds for one answer */
	long long file_stamp;  /* of resolv.conf(5), when it was read */
};

/* patience 0: as usual. 0, or a negative errno with *why, a static text; then every question is answered with an error, at
 * once. */
int lookup_open(struct lookup *l, const char *servers, int patience, const char **why);

/* Each of its sockets is first bound by that, which answers 0 or a negative errno: then nothing is asked by it. */
void lookup_bind(struct lookup *l, int (*bind)(int fd));

/* Every question that is out is answered, as one that was not put. */
void lookup_close(struct lookup *l);

/* The system's resolv.conf(5) is another one than when it was opened (tailscaled writes it anew). */
bool lookup_is_stale(struct lookup *l);

/* done() may be called before this returns. `host` and `arg` are lent until then. The answer has each address once, and
 * none that is more or less than one machine. Some servers never answer for IPv6: where an answer is late, IPv4 is asked for
 * alone, and done() may be called once with an early answer before (RFC 8305 3). */
void lookup_ask(struct lookup *l, const char *host,
		void (*done)(void *arg, const struct name_answer *a), void *arg);

/* The sockets to poll; how many. */
size_t lookup_poll(const struct lookup *l, struct pollfd out[static LOOKUP_SOCKETS]);

/* Milliseconds until lookup_run() is due without any event, at most `limit`. */
int lookup_wait(const struct lookup *l, int limit);

/* What came for those; with none, what timed out. */
void lookup_run(struct lookup *l, const struct pollfd *in, size_t count);

#endif
