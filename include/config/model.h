/* model - what a configuration file says, as plain data: built whole, checked whole, read by
 * everybody, changed by nobody. keys.c knows how each field is written in the file. */
#ifndef TAILSPLICE_CONFIG_MODEL_H
#define TAILSPLICE_CONFIG_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/addr.h"
#include "base/bits.h"
#include "base/line.h"
#include "base/log.h"
#include "base/net.h"
#include "codec/pp.h"
#include "config/lines.h"

enum section_kind {
	SECTION_GLOBAL,
	SECTION_DEFAULTS,
	SECTION_LISTEN,
	SECTION_BACKEND,
	SECTION_KINDS
};

#define SECTION_KEYS_MAX 40

/* The first member of each section's struct. */
struct section {
	char *name; /* of [listen NAME] and [backend NAME]; else NULL */
	int line;
	int key_line[SECTION_KEYS_MAX]; /* by row of the key table: where it was given; 0: default */
};

enum profile { PROFILE_AUTO, PROFILE_SMTP, PROFILE_IMAP, PROFILE_HTTP, PROFILE_HTTPS, PROFILE_RAW };

/* Milliseconds; 0: as the profile says. */
struct timeouts {
	msec_t idle;	     /* nothing moved either way */
	msec_t half_closed;  /* nothing moved since one side ended */
	msec_t keepalive;    /* silence before the first TCP keepalive probe of the leg */
	msec_t user_timeout; /* data not acknowledged, or no room offered (TCP_USER_TIMEOUT) */
};

/* One port of a listener and where it leads. */
struct port_map {
	uint16_t from, to;
};

struct port_maps {
	struct port_map *at;
	size_t count;
};

struct addrs {
	struct addr *at; /* port 0 */
	size_t count;
};

/* `backend = NAME` or `NAME:PORT` */
struct target {
	char *name;
	uint16_t port; /* 0: as ports say */
};

struct nets {
	struct net *at;
	size_t count;
};

/* What a connection can be chosen by. Those above MATCH_TLS need no byte of the client. */
enum match_kind {
	MATCH_ANY,
	MATCH_SOURCE,
	MATCH_TLS,
	MATCH_SNI,
	MATCH_ALPN,
	MATCH_HTTP,
	MATCH_HOST,
	MATCH_PATH,
	MATCH_SSH,
};

struct match {
	enum match_kind kind;
	bool below;	/* sni, host: any name below `text`, which begins with its dot then */
	char *text;	/* sni, host (in lower case), alpn, path */
	struct net net; /* source */
};

/* `route = MATCH, ... -> NAME[:PORT]` */
struct route_conf {
	struct match *at; /* all of them must fit */
	size_t count;
	struct target target;
	const struct backend_conf *backend; /* what target.name means */
	int line;
	bool implied; /* it is `backend`, behind all routes */
};

struct routes {
	struct route_conf *at;
	size_t count;
};

/* What the client's first bytes must be. */
enum expect { EXPECT_OFF, EXPECT_TLS };

/* Of first_byte: the port decides. */
#define FIRST_BYTE_AUTO UINT64_MAX

/* Bits of backend_conf.proxy_tlv. */
enum proxy_tlv {
	PROXY_TLV_AUTHORITY = BIT(0),
	PROXY_TLV_ALPN = BIT(1),
	PROXY_TLV_UNIQUE_ID = BIT(2),
	PROXY_TLV_CRC32C = BIT(3),
	PROXY_TLV_NETNS = BIT(4),
	PROXY_TLV_PASSTHROUGH = BIT(5),
};

/* Servers of one backend, at most. */
#define BACKEND_SERVERS_MAX 64

#define SERVER_WEIGHT_MAX 256

/* "tailnet:NODE": a machine of the tailnet, by the name that tailscaled knows. */
#define SERVER_TAILNET "tailnet:"

/* The NODE of it, within `host`; NULL: it is an address, or a name for DNS. */
static inline const char *server_node(const char *host)
{
	return strncmp(host, SERVER_TAILNET, strlen(SERVER_TAILNET)) == 0
		       ? host + strlen(SERVER_TAILNET)
		       : NULL;
}

/* Where tailscaled's packages have its socket; `--socket` moves it. */
#define TAILSCALE_SOCKET "/var/run/tailscale/tailscaled.sock"
#define TAILSCALE_OFF	 "off"

/* `server = HOST[:PORT] [weight=N] [backup]` */
struct server_conf {
	char *host;    /* a literal, a name or tailnet:NODE */
	uint16_t port; /* 0: as the listener says */
	uint16_t weight;
	bool backup;
	int line;
};

struct servers {
	struct server_conf *at;
	size_t count;
};

/* "20/10s". count 0: off; LIMIT_AUTO: plan.c decides. */
#define LIMIT_AUTO UINT64_MAX
struct rate {
	uint64_t count;
	msec_t per;
};

/* What a client that is turned away gets. */
enum dismissal { DISMISS_RESET, DISMISS_DROP, DISMISS_TARPIT };

/* `via = socks5://[USER:PASSWORD@]HOST:PORT` */
struct via_conf {
	char *host;	       /* as written; NULL: none */
	char *user, *password; /* NULL: none */
	struct addr at;	       /* AF_UNSPEC, with its port: */
	char *name;	       /* HOST is this name; NULL: a literal */
};

/* `source-guard` */
enum guard { GUARD_OFF, GUARD_WARN, GUARD_REJECT };

/* A word of `allow` or `deny`. */
struct rule {
	struct net net;
	char *file; /* NULL: `net` */
	int line;
	uint8_t how; /* enum dismissal, if has_how */
	bool has_how;
};

struct rules {
	struct rule *at;
	size_t count;
};

struct global_conf {
	struct section section;
	char *user;	     /* NULL: as it was started */
	char *tailscale;     /* path of tailscaled's socket, or TAILSCALE_OFF */
	char *control;	     /* path of the control socket; NULL: none */
	char *include;	     /* the last pattern; source.c has read them all */
	char *paths;	     /* names, edge/ladder.h reads them; NULL: all */
	struct addr metrics; /* AF_UNSPEC: none */
	uint64_t workers;    /* 0: one a core */
	uint64_t max_flows;  /* 0: what RLIMIT_NOFILE allows */
	unsigned log;	     /* enum line_format */
	unsigned log_level;  /* enum log_level */
	msec_t drain;
};

enum balance { BALANCE_FIRST, BALANCE_ROUNDROBIN, BALANCE_LEASTCONN, BALANCE_SOURCE };

/* What a client gets while no server can be reached. */
enum on_down { ON_DOWN_RESET, ON_DOWN_HOLD, ON_DOWN_SMTP_421 };

struct on_down_conf {
	unsigned kind; /* enum on_down */
	msec_t hold;   /* for ON_DOWN_HOLD */
};

enum check_kind { CHECK_OFF, CHECK_TCP, CHECK_SMTP, CHECK_IMAP, CHECK_TLS };

/* How it is found out whether a server is up. */
struct check_conf {
	unsigned kind; /* enum check_kind */
	msec_t interval, fast, timeout;
	uint64_t port; /* 0: not given */
	uint64_t rise, fall;
};

/* So many addresses of a backend are tried at a time. Each attempt is a descriptor. */
#define DIAL_AT_ONCE 4

/* None is tried later than so many connect-timeouts after the first. */
#define DIAL_ROUNDS 3

struct backend_conf {
	struct section section;
	struct servers servers;
	unsigned balance; /* enum balance */
	struct on_down_conf on_down;
	msec_t slowstart;    /* 0: none */
	unsigned send_proxy; /* enum pp_version */
	unsigned proxy_tlv;  /* enum proxy_tlv */
	struct check_conf check;
	msec_t connect_timeout;
	msec_t head; /* how long a server that speaks first may take for its greeting; 0: for ever */
	char *device;	     /* auto, any, or an interface */
	struct addrs source; /* at most one of each family; none: the kernel's choice */
	struct via_conf via;
	struct timeouts timeouts;
};

struct listen_conf {
	struct section section;
	struct port_maps ports;
	struct addrs bind;
	struct target target;
	struct routes
		routes; /* the last may be `backend`; never empty in a configuration without errors */
	struct nets accept_proxy; /* who must send a PROXY header; none: nobody may */
	unsigned expect;	  /* enum expect */
	msec_t first_byte; /* how long a client may be silent; 0: for ever; FIRST_BYTE_AUTO */
	msec_t head; /* how long it may take for the bytes that a route or a PROXY header needs */
	unsigned profile; /* enum profile */
	char *path;
	uint64_t max_flows;	   /* 0: no limit */
	uint64_t flows_per_source; /* 0: off; LIMIT_AUTO */
	struct rate rate_per_source;
	struct rules allow, deny;
	unsigned source_guard;		    /* enum guard */
	unsigned deny_action, limit_action; /* enum dismissal */
	struct timeouts timeouts;
};

struct config {
	char *file;
	char hash[17]; /* of all that was read: 16 hexadecimal digits of its SHA-256 */
	struct global_conf global;
	struct listen_conf *listens;
	size_t nlistens;
	struct backend_conf *backends;
	size_t nbackends;
	struct lines lines; /* included files: whose lines all those numbers are */
};

#endif
