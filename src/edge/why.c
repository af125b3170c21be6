#include "edge/why.h"

#include <errno.h>

#include "backend/pool.h"

static const struct {
	const char *name, *help;
} reasons[WHY_COUNT] = {
	[WHY_NONE] = { "-", "it has not ended" },
	[WHY_CLIENT_EOF] = { "client-eof", "both sides ended in order, the client first" },
	[WHY_SERVER_EOF] = { "server-eof", "both sides ended in order, the server first" },
	[WHY_CLIENT_RESET] = { "client-reset",
			       "the client broke the connection, or no longer answered" },
	[WHY_SERVER_RESET] = { "server-reset",
			       "the server broke the connection, or no longer answered" },
	[WHY_IDLE] = { "idle", "nothing moved either way for `idle`" },
	[WHY_HALF_CLOSED] = { "half-closed",
			      "one side had ended and nothing moved for `half-closed`" },
	[WHY_HEAD_TIMEOUT] = { "head-timeout",
			       "the first bytes did not come within `head`: the client's, or the greeting of the server that is named" },
	[WHY_NO_ADDRESS] = { "no-address",
			     "no server of the backend has an address, or none that `source` can reach" },
	[WHY_CONNECT_REFUSED] = { "connect-refused",
				  "the server refused the connection, or no route or interface leads to it" },
	[WHY_CONNECT_TIMEOUT] = { "connect-timeout",
				  "the server did not answer within `connect-timeout`" },
	[WHY_BACKEND_DOWN] = { "backend-down",
			       "every server of the backend is down, or out of service by the operator's word" },
	[WHY_DENIED] = { "denied", "allow, deny, source-guard or a ban says no to this client" },
	[WHY_LIMIT_SOURCE] = { "limit-source", "this client has max-flows-per-source connections" },
	[WHY_LIMIT_RATE] = { "limit-rate", "this client connects faster than rate-per-source" },
	[WHY_LIMIT_FLOWS] = { "limit-flows", "there are max-flows connections" },
	[WHY_BAD_PROXY] = { "bad-proxy", "a PROXY header is wrong, missing or not allowed" },
	[WHY_NO_ROUTE] = { "no-route",
			   "no route of the listener fits, or the first bytes are not what `expect` says" },
	[WHY_DRAIN] = { "drain", "tailsplice stopped, and `drain` was over" },
	[WHY_RELOAD] = { "reload", "a reload ended it" },
	[WHY_KILLED] = { "killed", "the operator ended it" },
	[WHY_ERROR] = { "error",
			"tailsplice could not go on: memory, descriptors or source ports ran out" },
};

enum why why_of_connect(int error)
{
	switch (error) {
	case POOL_NO_ADDRESS:
		return WHY_NO_ADDRESS;
	case POOL_ALL_DOWN:
		return WHY_BACKEND_DOWN;
	case -ETIMEDOUT:
		return WHY_CONNECT_TIMEOUT;
	case -ECONNRESET:
	case -EPIPE:
		/* It had accepted: a refusal answers the SYN with ECONNREFUSED. */
		return WHY_SERVER_RESET;
	case -EAFNOSUPPORT:
		/* `source` is of another family. */
		return WHY_NO_ADDRESS;
	case -ECONNREFUSED:
	case -EHOSTUNREACH:
	case -ENETUNREACH:
	case -EACCES:
	case -EPERM:
	case -ENODEV:
	case -EPROTO:
		return WHY_CONNECT_REFUSED;
	default:
		return WHY_ERROR;
	}
}

bool why_is_refusal(enum why w)
{
	switch (w) {
	case WHY_DENIED:
	case WHY_LIMIT_SOURCE:
	case WHY_LIMIT_RATE:
	case WHY_LIMIT_FLOWS:
	case WHY_BAD_PROXY:
	case WHY_NO_ROUTE:
		return true;
	default:
		return false;
	}
}

const char *why_name(enum why w)
{
	return reasons[w].name;
}

const char *why_help(enum why w)
{
	return reasons[w].help;
}
