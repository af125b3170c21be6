/* advice - a finding in the operator's words: what is wrong and on which side, in one line; and what to set, ready to
 * be copied, with this edge's own addresses as the ones to trust. Any thread. */
#ifndef TAILSPLICE_BACKEND_ADVICE_H
#define TAILSPLICE_BACKEND_ADVICE_H

#include <stdbool.h>
#include <stdio.h>

#include "backend/tailnet_choice.h"
#include "backend/verdict.h"

struct advice {
	enum finding finding;
	const struct evidence *evidence;
	const char *backend;	/* of [backend NAME] */
	const char *setting;	/* "FILE:LINE", where its send-proxy stands or would stand */
	const char *no_address; /* why its name does not resolve */
	struct addr to;		/* of the server */
	/* How the server sees this edge: by IPv4 and by IPv6. AF_UNSPEC: not known. */
	struct addr edge[2];
	enum software software;
	msec_t connect_timeout, timeout;
	bool host_answers;		/* another port of that address does */
	enum tailnet_standing standing; /* what tailscaled says of `to` */
	bool other_family;		/* the same port is served over the other IP version */
};

/* One line without its end. */
void advice_line(const struct advice *a, FILE *to);

/* Lines, each indented by `indent` blanks; nothing when there is nothing to set. */
void advice_remedy(const struct advice *a, int indent, FILE *to);

/* "edge", "server", "network", "either" or "none": on which side something is to be done. */
const char *advice_side(const struct advice *a);

#endif
