/* tailnet_choice - which node of a tailnet is meant by a name. A container that is started anew is a new node with a new address;
 * after a crash its old record, the ghost, keeps the name for a while, and the live node is called NAME-1. Pure; any thread. */
#ifndef TAILSPLICE_BACKEND_TAILNET_CHOICE_H
#define TAILSPLICE_BACKEND_TAILNET_CHOICE_H

#include "backend/tailnet_status.h"

enum tailnet_verdict {
	TAILNET_NO_NODE, /* none has the name; or the policy connects it with us in no direction: then it is not shown */
	TAILNET_THE_NODE,
	TAILNET_OFFLINE, /* the one there is; it may answer all the same: `online` is what control sees */
	TAILNET_EXPIRED, /* the one there is; it cannot answer */
	TAILNET_GHOST,	 /* `use` is another than the one of that name, `other`, which is offline */
	TAILNET_TWINS, /* `use` and `other` are both online, are called the same, and one must be a ghost */
};

struct tailnet_choice {
	enum tailnet_verdict verdict;
	/* Of the status, as long as it lives; NULL: none. */
	const struct tailnet_node *use, *other;
};

/* `host`: "mailbox", or in full "mailbox.tail0.ts.net", with or without the dot at the end, in any case, or one of
 * these as "tailnet:NODE". A twin is a node with the same tags that asked for the same host name and is called NAME or NAME-1,
 * NAME-2 … `silent` (may be NULL) names nodes that were online and answered nothing: of two twins the other one is used. */
void tailnet_choose(struct tailnet_choice *out, const struct tailnet_status *s, const char *host,
		    bool (*silent)(const struct tailnet_node *n, void *arg), void *arg);

/* What the tailnet says of an address of its own. */
enum tailnet_standing {
	TAILNET_NOT_ASKED,
	TAILNET_NOT_SHOWN, /* no node has it; or the policy lets this machine reach none of its ports, and it none of ours */
	TAILNET_AWAY,	 /* offline, or its key has expired */
	TAILNET_PRESENT, /* online, as control sees it: it may be frozen */
};

enum tailnet_standing tailnet_standing(const struct tailnet_status *s, const struct addr *a);

/* True when `name` is of this tailnet: of its MagicDNS domain. */
bool tailnet_is_ours(const struct tailnet_status *s, const char *name);

#endif
