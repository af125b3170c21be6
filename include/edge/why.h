/* why - the one reason a flow ended: a closed list, so that dashboards can group by it. */
#ifndef TAILSPLICE_EDGE_WHY_H
#define TAILSPLICE_EDGE_WHY_H

#include <stdbool.h>
#include <stddef.h>

enum why {
	WHY_NONE, /* it goes on */
	WHY_CLIENT_EOF,
	WHY_SERVER_EOF,
	WHY_CLIENT_RESET,
	WHY_SERVER_RESET,
	WHY_IDLE,
	WHY_HALF_CLOSED,
	WHY_HEAD_TIMEOUT,
	WHY_NO_ADDRESS,
	WHY_CONNECT_REFUSED,
	WHY_CONNECT_TIMEOUT,
	WHY_BACKEND_DOWN,
	WHY_DENIED,
	WHY_LIMIT_SOURCE,
	WHY_LIMIT_RATE,
	WHY_LIMIT_FLOWS,
	WHY_BAD_PROXY,
	WHY_NO_ROUTE,
	WHY_DRAIN,
	WHY_RELOAD,
	WHY_KILLED,
	WHY_ERROR,
	WHY_COUNT,
};

/* Why a dial that ended with this negative errno ends its flow. */
enum why why_of_connect(int error);

/* True when the flow was turned away before it reached a server: a limit, a rule, a bad header. */
bool why_is_refusal(enum why w);

/* As in the log: "client-eof". */
const char *why_name(enum why w);

/* One sentence for the operator. */
const char *why_help(enum why w);

#endif
