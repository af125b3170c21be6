/* session - one connection of the load server, and what a port's role makes of it.
 * A session belongs to itself: it is freed at the end of the event in which it ended. What a
 * peer does wrong ends it with a reset, so that its client sees a failure, never a clean end. */
#ifndef BENCH_SESSION_H
#define BENCH_SESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proxyhead.h"

struct session;

struct role {
	const char *name;
	void (*start)(struct session *s); /* after the PROXY header, if any */
	void (*take)(struct session *s, const uint8_t *bytes, size_t n);
	void (*give)(struct session *s); /* the socket is writable and we asked */
	void (*left)(struct session *s); /* it ended; may be NULL */
};

/* What an epoll event points to: its first word tells how to go on. */
struct watch {
	void (*ready)(struct watch *w, uint32_t events);
};

struct session {
	struct watch watch;
	int fd;
	const struct role *role;
	bool ended;	 /* closed and freed at the end of the event */
	bool headed;	 /* the PROXY header is behind us */
	uint64_t offset; /* into the stream, where somebody counts */
	size_t nhead;
	uint8_t head[PROXYHEAD_MAX]; /* a header that came in pieces */
	uint8_t *rest;		     /* what the socket did not take */
	size_t nrest, done;
	uint8_t verb;		      /* smtp: first letter of the line under way */
	bool in_mail, dotted;	      /* smtp: between DATA and the dot; its dot has come */
	struct session *next, **link; /* imap: the idling */
};

extern const struct role role_echo, role_sink, role_source, role_smtp, role_imap;

/* Of the whole server; set once before the loop. headed: each begins with a PROXY header. */
extern int session_epoll;
extern bool session_verify, session_headed;

/* On a connection that was accepted, which it owns from now on. */
void session_open(int fd, const struct role *role);

/* Sends all of it, now or when the socket has room: reading stops until then, so a peer that does
 * not read gets nothing to make it worse. */
void session_send(struct session *s, const uint8_t *bytes, size_t n);

void session_close(struct session *s);
void session_reset(struct session *s);

/* Every so many milliseconds, a notice to every idling IMAP session. */
void imap_notify_every(unsigned ms);

#endif
