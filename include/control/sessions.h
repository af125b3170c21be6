/* sessions - the control socket (unix(7), stream): a few clients at a time, one request and one
 * answer each, in one line and one JSON object. Never blocks, and a client costs at most what is
 * bounded here: nothing it does reaches the workers but the request it made.
 * Used by the main thread only. */
#ifndef TAILSPLICE_CONTROL_SESSIONS_H
#define TAILSPLICE_CONTROL_SESSIONS_H

#include <jansson.h>
#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>
#include <sys/un.h>

#include "control/request.h"
#include "edge/edge.h"

/* More wait in the socket's queue. */
#define SESSIONS_MAX 16

enum session_state { SESSION_FREE, SESSION_READS, SESSION_WAITS, SESSION_WRITES };

/* One client. */
struct session {
	struct sessions *sessions;
	enum session_state state;
	int fd;
	msec_t deadline;	/* of its state */
	struct inquiry inquiry; /* while it waits for the workers */
	struct request request;
	size_t used; /* of line */
	char *answer;
	size_t length, sent;
	char line[REQUEST_MAX];
};

struct sessions {
	int fd; /* -1: there is no control socket */
	struct sockaddr_un at;
	dev_t device; /* of the socket's file, to take away only what is ours */
	ino_t inode;
	struct session clients[SESSIONS_MAX];
	/* A request that can be understood. session_answer() follows, at once or later. */
	void (*asked)(struct session *s);
	void *owner; /* the caller's; for asked() */
};

/* Listens at `path`, mode 0600; a file left by a process that is gone is replaced. With `uid` other than the
 * process's own, the file is given to it. False, with words for the operator. */
bool sessions_open(struct sessions *s, const char *path, uid_t uid, gid_t gid, char *why,
		   size_t size);

/* Entries for poll(2), at most SESSIONS_MAX + 1; their number. */
size_t sessions_poll(const struct sessions *s, struct pollfd *out);

/* After poll(2), with the same entries; also ends clients that took too long. */
void sessions_run(struct sessions *s, const struct pollfd *in, size_t count, msec_t now);

/* When sessions_run() is due even if nothing happens; TIMER_NONE: never. */
msec_t sessions_due(const struct sessions *s);

/* Sends the object, and then the client is done with. Takes over the reference. */
void session_answer(struct session *s, json_t *object);

/* {"ok": false, "error": …, "code": …}. */
__attribute__((format(printf, 3, 4))) void session_refuse(struct session *s, const char *code,
							  const char *fmt, ...);

/* Closes everything and removes the file. No session may wait for the workers any more. */
void sessions_close(struct sessions *s);

#endif
