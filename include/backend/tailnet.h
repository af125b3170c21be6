/* tailnet - keeps the names of servers that are nodes of this machine's tailnet up to date: "tailnet:NODE", and full MagicDNS names.
 * A thread of its own follows tailscaled (localapi.h) and tells names.h. MagicDNS's answers hold for ten minutes; tailscaled
 * knows at once. Without tailscaled it waits for it, and DNS is all there is. */
#ifndef TAILSPLICE_BACKEND_TAILNET_H
#define TAILSPLICE_BACKEND_TAILNET_H

#include <stdbool.h>
#include <stddef.h>

#include "backend/localapi.h"
#include "backend/names.h"
#include "backend/tailnet_choice.h"
#include "backend/tailnet_status.h"
#include "backend/tailnet_words.h"

struct tailnet;

/* The thread runs from here on. NULL: there is no descriptor or no thread left; names then come from DNS alone. */
struct tailnet *tailnet_open(const char *socket, struct names *names);

/* As it was opened. */
const char *tailnet_socket(const struct tailnet *t);

/* Accepts NULL. */
void tailnet_close(struct tailnet *t);

/* Names may have been added, or do not work: asks tailscaled now. Accepts NULL. Any thread. */
void tailnet_look(struct tailnet *t);

/* Asks once, and waits for the answer; for a command. False: `why` has one line for people, and *out is empty; else the
 * caller ends it with tailnet_status_finish(). */
bool tailnet_ask(const char *socket, struct tailnet_status *out, char why[static LOCALAPI_WHY]);

/* Tells `names` where that host is, if it is a node, or why that is not known. s NULL: for `why`. */
void tailnet_tell(struct names *names, const struct tailnet_status *s, const char *host,
		  const char *why);

/* A copy for the operator. */
struct tailnet_view {
	bool wanted;		/* some server is a node; else tailscaled is not asked */
	bool known;		/* tailscaled answers */
	char why[LOCALAPI_WHY]; /* why not */
	char version[48], state[24];
	bool tun;
	struct tailnet_node self;
	struct tailnet_wanted *names;
	size_t count;
};

/* Any thread. Accepts NULL: all zero. End it with tailnet_view_finish(). */
void tailnet_view(struct tailnet *t, struct tailnet_view *out);
void tailnet_view_finish(struct tailnet_view *v);

#endif
