#include "config/lint_listeners.h"

#include "config/profile.h"
#include "config/value.h"

#define MINUTES(n) ((msec_t)(n)*60000)

/* RFC 9051 5.4; RFC 5321 4.5.3.2.7 */
#define IMAP_IDLE_LEAST MINUTES(30)
#define SMTP_IDLE_LEAST MINUTES(5)
/* RFC 5321 4.5.3.2.1 */
#define GREETING_WAIT MINUTES(5)
/* postscreen_greet_wait (postconf(5)) is 6 s, and DNS comes on top. */
#define GREETING_LEAST ((msec_t)10000)

static bool has_port(const struct listen_conf *l, uint16_t port)
{
	for (size_t i = 0; i < l->ports.count; i++)
		if (l->ports.at[i].from == port)
			return true;
	return false;
}

/* The first of these ports that the listener has; 0: none. */
static uint16_t first_port(const struct listen_conf *l, const uint16_t *ports, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (has_port(l, ports[i]))
			return ports[i];
	return 0;
}

static bool binds_family(const struct listen_conf *l, int family, enum reach least)
{
	for (size_t i = 0; i < l->bind.count; i++)
		if (l->bind.at[i].sa.sa_family == family && reach_of_addr(&l->bind.at[i]) >= least)
			return true;
	return false;
}

/* Another listener may take the other family of the port; its first stands for all. */
static void one_family(const struct lint *lint, const struct listen_conf *l)
{
	bool v4 = binds_family(l, AF_INET, REACH_PUBLIC);
	int other = v4 ? AF_INET6 : AF_INET;

	if (v4 == binds_family(l, AF_INET6, REACH_PUBLIC) || !l->ports.count)
		return;
	for (size_t i = 0; i < lint->config->nlistens; i++)
		if (binds_family(&lint->config->listens[i], other, REACH_PUBLIC) &&
		    has_port(&lint->config->listens[i], l->ports.at[0].from))
			return;
	lint_say(
		lint, LINT_WARNING, LINT_ONE_FAMILY, lint_at_listen(l, "bind"),
		"bind: only %s: the name that leads here must have no %s record, or its clients reach "
		"nobody; or add an %s address",
		v4 ? "IPv4" : "IPv6", v4 ? "AAAA" : "A", v4 ? "IPv6" : "IPv4");
}

static bool has_reach(const struct backend_conf *b, enum reach least, enum reach most)
{
	for (size_t i = 0; i < b->servers.count; i++) {
		enum reach r = reach_of_host(b->servers.at[i].host);

		if (r >= least && r <= most)
			return true;
	}
	return false;
}

static void proxy_off_25(const struct lint *lint, const struct listen_conf *l,
			 const struct route_conf *r, bool is_public)
{
	lint_say(
		lint, is_public ? LINT_ERROR : LINT_WARNING, LINT_PROXY_OFF_25,
		lint_at_backend(r->backend, "send-proxy"),
		"send-proxy: off in [backend %s], but [listen %s] takes mail on port 25%s: the server "
		"would see this edge as every sender, so SPF and bans hit everybody; write send-proxy = "
		"v2 and let the server expect it",
		r->backend->section.name, l->section.name,
		is_public ? "" : " of a private address, which NAT may make public");
}

static bool loopback_relay(const struct lint *lint, const struct listen_conf *l,
			   const struct route_conf *r)
{
	static const uint16_t ports[] = { 25, 465, 587 };
	uint16_t port = first_port(l, ports, ARRAY_LEN(ports));

	if (!port || !has_reach(r->backend, REACH_LOOPBACK, REACH_LOOPBACK))
		return false;
	lint_say(
		lint, LINT_ERROR, LINT_LOOPBACK_RELAY, lint_at_backend(r->backend, "send-proxy"),
		"send-proxy: off in [backend %s], so a mail server on this machine takes the public "
		"clients of [listen %s] port %u for local programs, which may send without a login: "
		"write send-proxy = v2 and let the server expect it",
		r->backend->section.name, l->section.name, port);
	return true;
}

static void public_smarthost(const struct lint *lint, const struct listen_conf *l,
			     const struct route_conf *r, uint16_t port)
{
	lint_say(
		lint, LINT_WARNING, LINT_PUBLIC_SMARTHOST, lint_at_listen(l, "bind"),
		"bind: [listen %s] leads port %u from a public address to [backend %s], which is not "
		"on this machine or the tailnet, without a PROXY header: a smarthost belongs on the "
		"tailnet address (bind = 100.x.y.z); for a mail server of yours write send-proxy = v2",
		l->section.name, port, r->backend->section.name);
}

static void proxy_off_login(const struct lint *lint, const struct listen_conf *l,
			    const struct route_conf *r, uint16_t port)
{
	lint_say(
		lint, LINT_WARNING, LINT_PROXY_OFF_LOGIN, lint_at_backend(r->backend, "send-proxy"),
		"send-proxy: off in [backend %s], but [listen %s] takes logins on port %u from the "
		"internet: a server that bans who guesses passwords would ban this edge, and so "
		"everybody; write send-proxy = v2 and let the server expect it",
		r->backend->section.name, l->section.name, port);
}

/* Mail without a PROXY header: the worst that holds is said, once. */
static void headerless_mail(const struct lint *lint, const struct listen_conf *l,
			    const struct route_conf *r)
{
	static const uint16_t out[] = { 587, 465 };
	static const uint16_t logins[] = { 587, 465, 993, 143, 995, 110, 4190 };
	enum reach reach = lint_reach(l);
	uint16_t port = first_port(l, out, ARRAY_LEN(out));

	if (reach < REACH_PRIVATE || !lint_is_headerless(lint, r->backend))
		return;
	if (reach == REACH_PUBLIC && loopback_relay(lint, l, r))
		return;
	if (has_port(l, 25)) {
		proxy_off_25(lint, l, r, reach == REACH_PUBLIC);
		return;
	}
	if (reach < REACH_PUBLIC)
		return;
	if (port && has_reach(r->backend, REACH_PUBLIC, REACH_PUBLIC)) {
		public_smarthost(lint, l, r, port);
		return;
	}
	port = first_port(l, logins, ARRAY_LEN(logins));
	if (port)
		proxy_off_login(lint, l, r, port);
}

static void privileged_port(const struct lint *lint, const struct listen_conf *l)
{
	for (size_t i = 0; i < l->ports.count && !lint->facts->may_bind_low; i++) {
		if (l->ports.at[i].from >= lint->facts->first_free_port)
			continue;
		lint_say(
			lint, LINT_WARNING, LINT_PRIVILEGED_PORT, lint_at_listen(l, "ports"),
			"ports: %u is below %u and needs root or CAP_NET_BIND_SERVICE, which this user does "
			"not have",
			l->ports.at[i].from, lint->facts->first_free_port);
		return;
	}
}

/* Complains where the time stands: in the listener, in the backend, or by its profile. */
static void say_idle(const struct lint *lint, const struct listen_conf *l,
		     const struct route_conf *r, enum lint_code code, uint16_t port, msec_t idle,
		     msec_t least, const char *why)
{
	const char *key = l->timeouts.idle || r->backend->timeouts.idle ? "idle" : "profile";
	struct lint_place place = !l->timeouts.idle && r->backend->timeouts.idle
					  ? lint_at_backend(r->backend, key)
					  : lint_at_listen(l, key);
	char has[VALUE_DURATION_TEXT], needs[VALUE_DURATION_TEXT];

	lint_say(
		lint, LINT_WARNING, code, place,
		"idle: %s is too short for port %u of [listen %s]: %s; at least %s, or leave it to the profile",
		value_format_duration(idle, has), port, l->section.name, why,
		value_format_duration(least, needs));
}

static bool speaks_imap(enum profile p, uint16_t port)
{
	enum wire w = wire_of(port);

	return w == WIRE_IMAP || w == WIRE_IMAPS || (p == PROFILE_IMAP && w == WIRE_OTHER);
}

static bool speaks_smtp(enum profile p, uint16_t port)
{
	enum wire w = wire_of(port);

	return w == WIRE_SMTP || w == WIRE_SMTPS || (p == PROFILE_SMTP && w == WIRE_OTHER);
}

/* The first port of each protocol stands for all. */
static void idle(const struct lint *lint, const struct listen_conf *l, const struct route_conf *r)
{
	bool imap = false, smtp = false;

	for (size_t i = 0; i < l->ports.count; i++) {
		uint16_t port = l->ports.at[i].from;
		enum profile p = profile_of((enum profile)l->profile, port);
		msec_t t = profile_client_timeouts(p, &l->timeouts, &r->backend->timeouts).idle;

		if (!imap && speaks_imap(p, port) && t < IMAP_IDLE_LEAST) {
			say_idle(lint, l, r, LINT_IDLE_IMAP, port, t, IMAP_IDLE_LEAST,
				 "an IMAP client in IDLE is silent for 29 minutes");
			imap = true;
		}
		if (!smtp && speaks_smtp(p, port) && t < SMTP_IDLE_LEAST) {
			say_idle(
				lint, l, r, LINT_IDLE_SMTP, port, t, SMTP_IDLE_LEAST,
				"SMTP allows 5 minutes between commands, and a mail whose answer is cut off "
				"arrives twice");
			smtp = true;
		}
	}
}

/* Only where somebody wrote half-closed; the profiles' own are shorter than their idle. */
static void half_closed(const struct lint *lint, const struct listen_conf *l,
			const struct route_conf *r)
{
	struct lint_place place = l->timeouts.half_closed
					  ? lint_at_listen(l, "half-closed")
					  : lint_at_backend(r->backend, "half-closed");
	char has[VALUE_DURATION_TEXT], idle_text[VALUE_DURATION_TEXT];
	struct timeouts t;

	if (!l->ports.count || (!l->timeouts.half_closed && !r->backend->timeouts.half_closed))
		return;
	t = profile_client_timeouts(profile_of((enum profile)l->profile, l->ports.at[0].from),
				    &l->timeouts, &r->backend->timeouts);
	if (t.half_closed <= t.idle)
		return;
	lint_say(
		lint, LINT_WARNING, LINT_HALF_CLOSED_IDLE, place,
		"half-closed: %s has no effect in [listen %s]: idle ends a flow after %s; shorten one or "
		"raise the other",
		value_format_duration(t.half_closed, has), l->section.name,
		value_format_duration(t.idle, idle_text));
}

static void patience(const struct lint *lint, const struct route_conf *r)
{
	const struct backend_conf *b = r->backend;
	size_t rounds = (b->servers.count + DIAL_AT_ONCE - 1) / DIAL_AT_ONCE;
	char each[VALUE_DURATION_TEXT];

	rounds = min_of(rounds, (size_t)DIAL_ROUNDS);
	if (rounds * b->connect_timeout < GREETING_WAIT)
		return;
	lint_say(
		lint, LINT_WARNING, LINT_CONNECT_PATIENCE, lint_at_backend(b, "connect-timeout"),
		"connect-timeout: %s for each of %zu server%s, %d at a time: clients give up after 5 "
		"minutes at the latest; shorten it",
		value_format_duration(b->connect_timeout, each), b->servers.count,
		b->servers.count == 1 ? "" : "s", DIAL_AT_ONCE);
}

/* The first port on which mail is greeted stands for all. */
static void greeting(const struct lint *lint, const struct listen_conf *l,
		     const struct route_conf *r)
{
	const struct backend_conf *b = r->backend;
	char has[VALUE_DURATION_TEXT];

	if (!b->head || b->head >= GREETING_LEAST)
		return;
	for (size_t i = 0; i < l->ports.count; i++) {
		uint16_t port = l->ports.at[i].from;
		enum profile p = profile_of((enum profile)l->profile, port);

		if (!wire_greets_in_smtp(p, port))
			continue;
		lint_say(
			lint, LINT_WARNING, LINT_HEAD_GREETING, lint_at_backend(b, "head"),
			"head: %s for the greeting of [backend %s], to which port %u of [listen %s] leads: a "
			"server that lets strangers wait is cut off; at least 10s",
			value_format_duration(b->head, has), b->section.name, port,
			l->section.name);
		return;
	}
}

/* Another route leads there too, and all was said. */
static bool was_judged(const struct listen_conf *l, const struct route_conf *r)
{
	for (const struct route_conf *before = l->routes.at; before < r; before++)
		if (before->backend == r->backend)
			return true;
	return false;
}

void lint_listener(const struct lint *lint, const struct listen_conf *l)
{
	one_family(lint, l);
	privileged_port(lint, l);
	for (size_t i = 0; i < l->routes.count; i++) {
		const struct route_conf *r = &l->routes.at[i];

		if (!r->backend || was_judged(l, r))
			continue;
		headerless_mail(lint, l, r);
		idle(lint, l, r);
		half_closed(lint, l, r);
		patience(lint, r);
		greeting(lint, l, r);
	}
}
