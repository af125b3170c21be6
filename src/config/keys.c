#include "config/keys.h"

#include <string.h>

#include "config/route.h"
#include "config/rules.h"
#include "config/value.h"
#include "config/value_dial.h"
#include "config/value_server.h"

static const char *set_number(const struct key *k, void *field, const char *text)
{
	return value_number(text, k->min, k->max, k->fallback && !strcmp(k->fallback, "auto"),
			    field);
}

static const char *set_duration(const struct key *k, void *field, const char *text)
{
	return value_duration(text, k->min, k->max, field);
}

static const char *set_limit(const struct key *k, void *field, const char *text)
{
	return value_limit(text, k->max, field);
}

static const char *set_rate(const struct key *k, void *field, const char *text)
{
	return value_rate(text, k->max, field);
}

static const char *set_allow(const struct key *k, void *field, const char *text)
{
	(void)k;
	return rules_parse(text, false, field);
}

static const char *set_deny(const struct key *k, void *field, const char *text)
{
	(void)k;
	return rules_parse(text, true, field);
}

static const char *set_choice(const struct key *k, void *field, const char *text)
{
	return value_choice(text, k->words, field);
}

static const char *set_ports(const struct key *k, void *field, const char *text)
{
	(void)k;
	return value_ports(text, field);
}

static const char *set_addrs(const struct key *k, void *field, const char *text)
{
	(void)k;
	return value_addrs(text, field);
}

static const char *set_target(const struct key *k, void *field, const char *text)
{
	(void)k;
	return value_target(text, field);
}

static const char *set_route(const struct key *k, void *field, const char *text)
{
	(void)k;
	return route_parse(text, field);
}

static const char *set_nets(const struct key *k, void *field, const char *text)
{
	(void)k;
	return value_nets(text, field);
}

static const char *set_words(const struct key *k, void *field, const char *text)
{
	return value_words(text, k->words, field);
}

static const char *set_first_byte(const struct key *k, void *field, const char *text)
{
	const char *wrong;

	if (strcmp(text, "auto") == 0 || strcmp(text, "off") == 0) {
		*(msec_t *)field = *text == 'a' ? FIRST_BYTE_AUTO : 0;
		return NULL;
	}
	wrong = value_duration(text, k->min, k->max, field);
	return wrong ? "off, auto or a time from 1s to 5m, as 10s" : NULL;
}

static const char *set_server(const struct key *k, void *field, const char *text)
{
	(void)k;
	return value_server(text, field);
}

static const char *set_endpoint(const struct key *k, void *field, const char *text)
{
	(void)k;
	return value_endpoint(text, field);
}

static const char *set_device(const struct key *k, void *field, const char *text)
{
	const char *wrong = value_device(text);

	(void)k;
	if (!wrong)
		value_replace(field, text);
	return wrong;
}

static const char *set_source(const struct key *k, void *field, const char *text)
{
	(void)k;
	return value_source(text, field);
}

static const char *set_via(const struct key *k, void *field, const char *text)
{
	(void)k;
	return value_via(text, field);
}

static const char *set_on_down(const struct key *k, void *field, const char *text)
{
	(void)k;
	return value_on_down(text, field);
}

static const char *set_text(const struct key *k, void *field, const char *text)
{
	(void)k;
	if (!*text)
		return "a value";
	value_replace(field, text);
	return NULL;
}

/* sockaddr_un(3type): 108 bytes with the NUL. */
static const char *set_socket_path(const struct key *k, void *field, const char *text)
{
	(void)k;
	if (*text != '/' || strlen(text) > 107)
		return "an absolute path of at most 107 characters";
	value_replace(field, text);
	return NULL;
}

static const char *set_tailscale(const struct key *k, void *field, const char *text)
{
	if (strcmp(text, TAILSCALE_OFF) == 0) {
		value_replace(field, text);
		return NULL;
	}
	return set_socket_path(k, field, text)
		       ? "off, or the absolute path of tailscaled's socket, of at most 107 characters"
		       : NULL;
}

/* In the order of their enums. */
static const char *const log_words[] = { "logfmt", "json", "haproxy", NULL };
static const char *const level_words[] = { "error", "warn", "info", "debug", NULL };
static const char *const send_proxy_words[] = { "off", "v1", "v2", NULL };
static const char *const balance_words[] = { "first", "roundrobin", "leastconn", "source", NULL };
static const char *const guard_words[] = { "off", "warn", "reject", NULL };
static const char *const check_words[] = { "off", "tcp", "smtp", "imap", "tls", NULL };
static const char *const proxy_tlv_words[] = { "authority", "alpn",	   "unique-id", "crc32c",
					       "netns",	    "passthrough", NULL };
static const char *const expect_words[] = { "off", "tls", NULL };
static const char *const profile_words[] = { "auto", "smtp", "imap", "http", "https", "raw", NULL };

#define SECOND 1000ull
/* tcp(7): TCP_KEEPIDLE is at most 32767 s. */
#define HOUR (3600 * SECOND)
#define DAY  (86400 * SECOND)

#define FIELD(type, member) offsetof(struct type, member)

/* One row a key: clang-format would give each of its fields a line. */
/* clang-format off */

/* The same four in [listen] and [backend]. */
#define TIMEOUT_KEYS(type)                                                                             \
	{.name = "idle", .offset = FIELD(type, timeouts.idle), .set = set_duration, .min = SECOND,      \
	 .max = 30 * DAY, .shown = "by profile", .help = "A flow ends when nothing moved for this long."}, \
	{.name = "half-closed", .offset = FIELD(type, timeouts.half_closed), .set = set_duration,       \
	 .min = SECOND, .max = 30 * DAY, .shown = "by profile",                                         \
	 .help = "After one side ended, the flow ends when nothing moved for this long."},              \
	{.name = "keepalive", .offset = FIELD(type, timeouts.keepalive), .set = set_duration,           \
	 .min = SECOND, .max = 9 * HOUR, .shown = "30s",                                                     \
	 .help = "Silence on this leg before TCP asks whether the peer is still there."},               \
	{.name = "user-timeout", .offset = FIELD(type, timeouts.user_timeout), .set = set_duration,     \
	 .min = SECOND, .max = DAY, .shown = "by profile",                                              \
	 .help = "This leg ends when its peer acknowledges nothing, or has no room, for this long."}

static const struct key global_keys[] = {
	{.name = "workers", .offset = FIELD(global_conf, workers), .set = set_number, .fallback = "auto",
	 .min = 1, .max = 256, .help = "Threads with a ring each; auto: one a core."},
	{.name = "max-flows", .offset = FIELD(global_conf, max_flows), .set = set_number,
	 .fallback = "auto", .min = 1, .max = 10000000,
	 .help = "Connections at a time; further clients wait. auto: what the descriptor limit allows."},
	{.name = "user", .offset = FIELD(global_conf, user), .set = set_text, .shown = "tailsplice", .example = true,
	 .help = "Whom to become once everything is bound, when started as root."},
	{.name = "control", .offset = FIELD(global_conf, control), .set = set_socket_path,
	 .shown = "/run/tailsplice/control.sock", .example = true,
	 .help = "Unix socket for `tailsplice status`, `reload` and the like; without it there is none, but as a systemd service."},
	{.name = "tailscale", .offset = FIELD(global_conf, tailscale), .set = set_tailscale, .fallback = TAILSCALE_SOCKET,
	 .help = "Socket of tailscaled, which tells at once when a server that is a node of the tailnet gets a new address; off: only DNS."},
	{.name = "metrics", .offset = FIELD(global_conf, metrics), .set = set_endpoint, .shown = "127.0.0.1:9464", .example = true,
	 .help = "Where /metrics (for Prometheus) and /health (503 while it drains) are served over HTTP; without it nowhere."},
	{.name = "include", .offset = FIELD(global_conf, include), .set = set_text, .shown = "conf.d/*.ini",
	 .example = true, .repeats = true,
	 .help = "More files to read, beside this one; a pattern may match none. They cannot include others."},
	{.name = "log", .offset = FIELD(global_conf, log), .set = set_choice, .fallback = "logfmt",
	 .words = log_words, .help = "How a line of the log is written: logfmt, json, or as HAProxy's tcplog (flows; the rest logfmt)."},
	{.name = "log-level", .offset = FIELD(global_conf, log_level), .set = set_choice,
	 .fallback = "info", .words = level_words,
	 .help = "error, warn, info (a line for each flow) or debug."},
	{.name = "paths", .offset = FIELD(global_conf, paths), .set = set_text, .shown = "copy splice", .example = true,
	 .help = "The only paths that may be used: listeners name one of them, and `auto` chooses between copy and splice as far as they are listed; all unless given."},
	{.name = "drain", .offset = FIELD(global_conf, drain), .set = set_duration, .fallback = "30s",
	 .min = 0, .max = DAY, .help = "How long flows may finish after SIGTERM before they are reset."},
};

static const struct key listen_keys[] = {
	{.name = "ports", .offset = FIELD(listen_conf, ports), .set = set_ports, .shown = "25 465 587",
	 .continues = true, .required = true,
	 .help = "Ports to listen on: 25, 25>10025 (leads to another port), 8000-8010."},
	{.name = "bind", .offset = FIELD(listen_conf, bind), .set = set_addrs, .fallback = "0.0.0.0 ::",
	 .continues = true, .help = "Local addresses; IPv4 and IPv6 are sockets of their own."},
	{.name = "backend", .offset = FIELD(listen_conf, target), .set = set_target,
	 .shown = "stalwart", .required = true, .instead = "route",
	 .help = "Where connections lead: NAME or NAME:PORT of a [backend NAME]; with routes, those that none fits."},
	{.name = "route", .offset = FIELD(listen_conf, routes), .set = set_route, .shown = "sni:mail.example.org -> stalwart:443",
	 .example = true, .repeats = true,
	 .help = "MATCH, ... -> BACKEND[:PORT]; the first that fits holds: sni:NAME, alpn:PROTOCOL, tls, host:NAME, path:PREFIX, http, ssh, source:NET, any; NAME may begin with *."},
	{.name = "head", .offset = FIELD(listen_conf, head), .set = set_duration, .fallback = "10s", .min = SECOND, .max = 300 * SECOND,
	 .help = "How long a client may take for the first bytes that a route or a PROXY header needs; then the route `any` holds, or it is reset."},
	{.name = "first-byte", .offset = FIELD(listen_conf, first_byte), .set = set_first_byte, .fallback = "auto", .min = SECOND, .max = 300 * SECOND,
	 .help = "How long a client may be silent before it says its first byte, where clients speak first; or off; auto: 10s on 443, 465, 993, 995 and 8443, else off."},
	{.name = "expect", .offset = FIELD(listen_conf, expect), .set = set_choice, .fallback = "off", .words = expect_words,
	 .help = "What a client's first bytes must be, or it is reset: tls (where the client speaks first), or off."},
	{.name = "accept-proxy", .offset = FIELD(listen_conf, accept_proxy), .set = set_nets, .shown = "192.0.2.0/24 2001:db8::/32",
	 .example = true, .continues = true,
	 .help = "Networks that must begin with a PROXY header, v1 or v2; nobody else may. The client it names is the client from then on."},
	{.name = "profile", .offset = FIELD(listen_conf, profile), .set = set_choice, .fallback = "auto",
	 .words = profile_words, .help = "Which timeouts fit: auto (by port), smtp, imap, http, https, raw."},
	{.name = "path", .offset = FIELD(listen_conf, path), .set = set_text, .fallback = "auto",
	 .help = "What moves the bytes: auto, copy, splice, ring-splice or sockmap; see `tailsplice paths`."},
	{.name = "max-flows", .offset = FIELD(listen_conf, max_flows), .set = set_number, .shown = "10000", .example = true,
	 .min = 1, .max = 10000000, .help = "Connections at a time through this listener; further clients wait."},
	{.name = "max-flows-per-source", .offset = FIELD(listen_conf, flows_per_source), .set = set_limit, .fallback = "auto", .max = 1000000,
	 .help = "Connections at a time of one client (IPv4 address, IPv6 /64; a /48 may have 8 times as many), or off; auto: 500 for clients from the internet on a public listener."},
	{.name = "rate-per-source", .offset = FIELD(listen_conf, rate_per_source), .set = set_rate, .fallback = "auto", .max = 1000000,
	 .help = "New connections of one client in a time, as 20/10s: so many at once, then as many in each such time; or off; auto: 500/10s for clients from the internet on a public listener."},
	{.name = "allow", .offset = FIELD(listen_conf, allow), .set = set_allow, .shown = "192.0.2.0/24 file:friends.txt", .example = true,
	 .repeats = true, .continues = true,
	 .help = "The only clients that are let in: networks, or file:PATH with one a line, which is read anew when it changes. Of allow and deny the longest network holds."},
	{.name = "deny", .offset = FIELD(listen_conf, deny), .set = set_deny, .shown = "drop 198.51.100.0/24 file:/var/lib/tailsplice/deny.txt", .example = true,
	 .repeats = true, .continues = true,
	 .help = "Clients that are refused, likewise; reset, drop or tarpit before them is what they get instead of deny-action."},
	{.name = "source-guard", .offset = FIELD(listen_conf, source_guard), .set = set_choice, .fallback = "warn", .words = guard_words,
	 .help = "What happens on a public listener to clients with a private address, which are not clients: a NAT hides who they are. warn: the log says it once; reject: they are refused; off."},
	{.name = "deny-action", .offset = FIELD(listen_conf, deny_action), .set = set_choice, .fallback = "reset", .words = dismissal_words,
	 .help = "What clients get that allow, deny or a ban refuses: reset, drop (the connection vanishes here, nothing is sent) or tarpit (held in silence for 30s, a number at a time)."},
	{.name = "limit-action", .offset = FIELD(listen_conf, limit_action), .set = set_choice, .fallback = "reset", .words = dismissal_words,
	 .help = "The same for clients over max-flows-per-source or rate-per-source."},
	TIMEOUT_KEYS(listen_conf),
};

static const struct key backend_keys[] = {
	{.name = "server", .offset = FIELD(backend_conf, servers), .set = set_server,
	 .shown = "192.0.2.10", .repeats = true, .required = true,
	 .help = "HOST[:PORT] [weight=N] [backup]; HOST: an address, a full name or tailnet:NODE; no port: the listener's."},
	{.name = "balance", .offset = FIELD(backend_conf, balance), .set = set_choice, .fallback = "first",
	 .words = balance_words,
	 .help = "Which of several servers gets the next flow: first, roundrobin, leastconn or source (a client keeps its server)."},
	{.name = "slowstart", .offset = FIELD(backend_conf, slowstart), .set = set_duration, .fallback = "0s",
	 .max = HOUR, .help = "A server that came back gets its share of new flows bit by bit over this long; 0s: at once."},
	{.name = "on-down", .offset = FIELD(backend_conf, on_down), .set = set_on_down, .fallback = "reset",
	 .help = "What a client gets while no server can be reached: reset, hold 20s (it waits), or smtp-421 (a polite one; where no SMTP in the clear is spoken, reset)."},
	{.name = "send-proxy", .offset = FIELD(backend_conf, send_proxy), .set = set_choice,
	 .fallback = "off", .shown = "v2", .words = send_proxy_words,
	 .help = "PROXY protocol header to the server, so that it knows the client: off, v1, v2."},
	{.name = "check", .offset = FIELD(backend_conf, check.kind), .set = set_choice, .fallback = "off", .shown = "smtp",
	 .words = check_words, .help = "How it is found out that a server is up: tcp connects; smtp and imap read the greeting and take leave; tls wants a ServerHello."},
	{.name = "check-interval", .offset = FIELD(backend_conf, check.interval), .set = set_duration,
	 .fallback = "10s", .min = SECOND, .max = HOUR, .help = "Time between two checks of an address that is up."},
	{.name = "check-fast", .offset = FIELD(backend_conf, check.fast), .set = set_duration, .fallback = "2s",
	 .min = 100, .max = HOUR, .help = "The same while it is down, or a check has failed."},
	{.name = "check-timeout", .offset = FIELD(backend_conf, check.timeout), .set = set_duration, .fallback = "10s",
	 .min = 100, .max = 300 * SECOND, .help = "How long a greeting may take, for `probe` as well; Postfix's postscreen takes 6 s."},
	{.name = "check-port", .offset = FIELD(backend_conf, check.port), .set = set_number, .shown = "25", .example = true,
	 .min = 1, .max = 65535,
	 .help = "Where checks connect to; otherwise the server's port, or the first of those that lead there which fits the check."},
	{.name = "rise", .offset = FIELD(backend_conf, check.rise), .set = set_number, .fallback = "2", .min = 1, .max = 100,
	 .help = "Good checks in a row after which an address is up again."},
	{.name = "fall", .offset = FIELD(backend_conf, check.fall), .set = set_number, .fallback = "3", .min = 1, .max = 100,
	 .help = "Failed checks in a row after which an address is down; its very first check decides alone."},
	{.name = "proxy-tlv", .offset = FIELD(backend_conf, proxy_tlv), .set = set_words, .shown = "authority unique-id crc32c",
	 .example = true, .words = proxy_tlv_words,
	 .help = "What a v2 header says besides: authority (the TLS name), alpn (if only one is offered), unique-id (flow= of the log), crc32c, netns, passthrough (what came in)."},
	{.name = "connect-timeout", .offset = FIELD(backend_conf, connect_timeout), .set = set_duration,
	 .fallback = "5s", .min = 100, .max = 300 * SECOND,
	 .help = "How long one address of a server may take to answer; the next is tried beside it after 250ms."},
	{.name = "head", .offset = FIELD(backend_conf, head), .set = set_duration, .shown = "30s", .example = true, .min = SECOND, .max = 600 * SECOND,
	 .help = "How long a server that speaks first may take for its greeting, or the flow is reset; Postfix's postscreen takes 6 s."},
	{.name = "device", .offset = FIELD(backend_conf, device), .set = set_device, .fallback = "auto",
	 .help = "The interface servers are dialled through; auto: tailnet addresses (100.64.0.0/10, fd7a:115c:a1e0::/48) only "
		 "through the tailnet's, never in clear text through another; any: as routes lead."},
	{.name = "source", .offset = FIELD(backend_conf, source), .set = set_source, .shown = "192.0.2.1", .example = true,
	 .help = "The local address servers are dialled from, or one of each family; servers of another family are not dialled."},
	{.name = "via", .offset = FIELD(backend_conf, via), .set = set_via, .shown = "socks5://127.0.0.1:1055", .example = true,
	 .secret = true,
	 .help = "A SOCKS5 proxy through which servers are dialled, such as tailscaled's without an interface; it resolves their names."},
	TIMEOUT_KEYS(backend_conf),
};

/* clang-format on */

_Static_assert(ARRAY_LEN(listen_keys) <= SECTION_KEYS_MAX, "raise SECTION_KEYS_MAX");

const struct key *keys_of(enum section_kind kind, size_t *count)
{
	switch (kind) {
	case SECTION_GLOBAL:
		*count = ARRAY_LEN(global_keys);
		return global_keys;
	case SECTION_LISTEN:
		*count = ARRAY_LEN(listen_keys);
		return listen_keys;
	case SECTION_BACKEND:
		*count = ARRAY_LEN(backend_keys);
		return backend_keys;
	default:
		*count = 0;
		return NULL;
	}
}

void key_note_line(const struct key *k, void *field, int line)
{
	struct servers *servers = field;
	struct routes *routes = field;

	if (k->set == set_server)
		servers->at[servers->count - 1].line = line;
	if (k->set == set_allow || k->set == set_deny)
		rules_note_line(field, line);
	if (k->set == set_route)
		routes->at[routes->count - 1].line = line;
}

const struct key *key_find(enum section_kind kind, const char *name)
{
	size_t count;
	const struct key *keys = keys_of(kind, &count);

	for (size_t i = 0; i < count; i++)
		if (strcmp(keys[i].name, name) == 0)
			return &keys[i];
	return NULL;
}

const char *section_word(enum section_kind kind)
{
	static const char *const words[] = { [SECTION_GLOBAL] = "global",
					     [SECTION_DEFAULTS] = "defaults",
					     [SECTION_LISTEN] = "listen",
					     [SECTION_BACKEND] = "backend" };

	return words[kind];
}

int key_line(enum section_kind kind, const struct section *s, const char *name)
{
	size_t count;
	const struct key *k = key_find(kind, name);
	int line = k ? s->key_line[k - keys_of(kind, &count)] : 0;

	return line ? line : s->line;
}

bool key_is_given(enum section_kind kind, const struct section *s, const char *name)
{
	size_t count;
	const struct key *k = key_find(kind, name);

	return k && s->key_line[k - keys_of(kind, &count)];
}
