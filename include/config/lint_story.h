/* lint_story - the lints by code, and why each exists: `check --explain CODE` prints it.
 * A rule names its lint by this enum, so none can complain without a story. */
#ifndef TAILSPLICE_CONFIG_LINT_STORY_H
#define TAILSPLICE_CONFIG_LINT_STORY_H

#include <stddef.h>

enum lint_code {
	LINT_BARE_NAME,
	LINT_TAILNET_OFF,
	LINT_SERVER_ADDRESS,
	LINT_SERVER_TWICE,
	LINT_SERVER_PORT,
	LINT_PROTOCOL_MISMATCH,
	LINT_PORT_25_ELSEWHERE,
	LINT_ADDRESS_TWICE,
	LINT_OWN_LISTENER,
	LINT_PROXY_OFF_25,
	LINT_PROXY_OFF_LOGIN,
	LINT_PROXY_DISAGREES,
	LINT_LOOPBACK_RELAY,
	LINT_PUBLIC_SMARTHOST,
	LINT_HTTP_BANS_EDGE,
	LINT_ONE_FAMILY,
	LINT_IDLE_IMAP,
	LINT_IDLE_SMTP,
	LINT_HALF_CLOSED_IDLE,
	LINT_CONNECT_PATIENCE,
	LINT_HEAD_GREETING,
	LINT_FAREWELL_UNSPOKEN,
	LINT_BACKUP_UNCHECKED,
	LINT_CHECK_PROTOCOL,
	LINT_PRIVILEGED_PORT,
	LINT_MAX_FLOWS_LIMIT,
	LINT_PUBLIC_METRICS,
	LINT_ROUTE_SERVER_FIRST,
	LINT_ROUTE_UNREACHABLE,
	LINT_ROUTE_NO_ANY,
	LINT_PROXY_TLV_VERSION,
	LINT_ACCEPT_PROXY_ALL,
	LINT_DEVICE_ANY,
	LINT_SOURCE_FAMILY,
	LINT_VIA_PUBLIC,
	LINT_COUNT
};

struct lint_story {
	const char *code;    /* "bare-name", as complaints show it in brackets */
	const char *summary; /* one line */
	const char *story; /* lines of at most 100 characters: what happens, to whom, what to do */
};

/* Never NULL below LINT_COUNT. */
const struct lint_story *lint_story(enum lint_code code);

/* By its code as text; LINT_COUNT: there is none. */
enum lint_code lint_story_find(const char *code);

/* What was probably meant by a code that does not exist; LINT_COUNT: nobody can tell. */
enum lint_code lint_story_nearest(const char *code);

#endif
