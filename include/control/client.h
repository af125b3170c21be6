/* client - asks a running edge over its control socket: one request, one answer (control/request.h).
 * Blocks, with a time limit. Any thread; the answer may be anything that is JSON. */
#ifndef TAILSPLICE_CONTROL_CLIENT_H
#define TAILSPLICE_CONTROL_CLIENT_H

#include <jansson.h>
#include <stddef.h>
#include <sys/un.h>

#include "base/bits.h"

/* Where an edge without `-s` and without `control` in its file would be. */
#define CLIENT_DEFAULT_SOCKET "/run/tailsplice/control.sock"

/* Larger answers are refused: a million flows are told in less. */
#define CLIENT_ANSWER_MAX (64u << 20)

/* Room for one complaint: a path, and what to do. */
#define CLIENT_WHY 512

struct client {
	struct sockaddr_un at;
	char source[CLIENT_WHY]; /* why there: for complaints */
	msec_t limit;		 /* for one request, all in all; milliseconds */
	int cancel;		 /* a descriptor that ends the wait when it is readable; -1: none */
};

struct answer {
	json_t *object; /* owned */
	char *text;	/* as it came; owned */
	size_t length;
};

/* The socket of `socket`, or else of the key `control` in `file`, or else the default one. A file that
 * cannot be read or has mistakes is no failure yet: client_ask() tells of it when nobody answers.
 * `file` NULL: CONFIG_DEFAULT_FILE. 0, or -ENAMETOOLONG with words in `why`. */
int client_find(struct client *c, const char *socket, const char *file,
		char why[static CLIENT_WHY]);

/* Sends the line (without newline). 0: the answer is the caller's, answer_finish() frees it. Else a
 * negative errno, with words for the operator and the remedy; -ECANCELED: the descriptor was readable. */
int client_ask(const struct client *c, const char *line, struct answer *answer,
	       char why[static CLIENT_WHY]);

/* Accepts a zeroed one. */
void answer_finish(struct answer *a);

#endif
