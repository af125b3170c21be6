#include "cmd/survey.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "backend/resolver.h"
#include "backend/tailnet.h"
#include "base/memory.h"
#include "config/keys.h"
#include "config/reach.h"

/* For names; c-ares asks each server more than once within it. */
#define RESOLVE_MS 10000

/* Of all the asking. */
#define SURVEY_MS 60000

/* Between two connections to one server: Stalwart throttles an address that opens more than 5 a second. */
#define SPACING_MS 350

/* At a time. */
#define TALKS_MAX 128

static msec_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (msec_t)t.tv_sec * 1000 + (msec_t)t.tv_nsec / 1000000;
}

static bool is_wanted(const struct backend_conf *b, char *const *names, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(names[i], b->section.name) == 0)
			return true;
	return count == 0;
}

/* Another listener, or another address of one, may lead to the same port of the same server. */
static bool is_there(const struct survey *s, const struct spot *new)
{
	for (size_t i = 0; i < s->count; i++)
		if (s->at[i].backend == new->backend && s->at[i].server == new->server &&
		    s->at[i].port == new->port)
			return true;
	return false;
}

static size_t machine_of(const struct survey *s, const struct spot *new)
{
	for (size_t i = 0; i < s->count; i++)
		if (strcmp(s->at[i].server->host, new->server->host) == 0)
			return s->at[i].machine;
	return s->count;
}

static void add(struct survey *s, const struct spot *spot)
{
	s->at = memory_grow(s->at, s->count, sizeof(*s->at));
	s->at[s->count++] = *spot;
}

/* Names of one spot. NULL: there is nothing to ask for. */
struct held {
	struct name *server, *proxy;
};

static void find_proxy(struct name *name, struct addr *out)
{
	struct addr at[NAME_ADDRESSES_MAX];

	if (!name_addresses(name, at))
		return;
	addr_set_port(&at[0], addr_port(out));
	*out = at[0];
}

/* One spot for each address; one that says why there is none. */
static void add_addresses(struct survey *s, struct spot *spot, const struct held *held)
{
	const struct backend_conf *b = spot->backend;
	struct addr found[NAME_ADDRESSES_MAX];
	struct name_view view = { 0 };
	size_t n = 1;

	if (held->server) {
		n = name_addresses(held->server, found);
		name_look(held->server, &view);
	} else if (!addr_parse(&found[0], spot->server->host, 0)) {
		/* A proxy will resolve it. */
		found[0] = (struct addr){ 0 };
	}
	if (!n) {
		snprintf(spot->no_address, sizeof(spot->no_address), "%s",
			 *view.error ? view.error : "nobody answers");
		spot->interview.finding = FINDING_NO_ADDRESS;
		add(s, spot);
	}
	for (size_t i = 0; i < n; i++) {
		addr_set_port(&found[i], spot->port);
		interview_init(&spot->interview, &found[i], (enum pp_version)b->send_proxy,
			       speech_of_ports(spot->listen, spot->port), b->connect_timeout,
			       b->check.timeout);
		spot->interview.outgoing = outgoing_of(b);
		spot->interview.passage = passage_of(b, spot->server->host);
		if (held->proxy)
			find_proxy(held->proxy, &spot->interview.passage.at);
		add(s, spot);
	}
}

static void add_destination(struct survey *s, const struct config *c, const struct destination *d,
			    uint16_t listen)
{
	const struct servers *servers = &d->backend->servers;

	for (size_t i = 0; i < servers->count; i++) {
		const struct server_conf *server = &servers->at[i];
		struct spot spot = { .backend = d->backend,
				     .server = server,
				     .listen = listen,
				     .port = server->port ? server->port : d->dial.port };

		spot.machine = machine_of(s, &spot);
		lines_format(&c->lines, c->file,
			     key_line(SECTION_BACKEND, &d->backend->section, "send-proxy"),
			     spot.setting, sizeof(spot.setting));
		if (!is_there(s, &spot))
			add(s, &spot);
	}
}

/* Each port of each server once, without addresses. */
static void add_ports(struct survey *s, const struct config *c, const struct plan *plan,
		      char *const *names, size_t count)
{
	for (size_t i = 0; i < plan->count; i++) {
		const struct plan_entry *e = &plan->at[i];

		for (size_t k = 0; k < e->nto; k++)
			if (is_wanted(e->to[k].backend, names, count))
				add_destination(s, c, &e->to[k], addr_port(&e->at));
	}
}

static struct held hold(struct names *ns, const struct spot *spot)
{
	const char *host = spot->server->host, *proxy = spot->backend->via.name;
	struct held h = { .proxy = proxy ? name_hold(ns, proxy) : NULL };
	struct addr literal;

	if (!addr_parse(&literal, host, 0) && (server_node(host) || !spot->backend->via.host))
		h.server = name_hold(ns, host);
	return h;
}

static void release(struct held *h)
{
	if (h->server)
		name_release(h->server);
	if (h->proxy)
		name_release(h->proxy);
}

/* What tailscaled does not know, DNS is asked for. */
static void ask_tailnet(struct survey *s, const struct survey *ports, struct names *ns,
			const char *socket)
{
	char why[LOCALAPI_WHY] = "tailscale = off";

	if (strcmp(socket, TAILSCALE_OFF) != 0)
		s->tailnet_known = tailnet_ask(socket, &s->tailnet, why);
	for (size_t i = 0; i < ports->count; i++)
		tailnet_tell(ns, s->tailnet_known ? &s->tailnet : NULL, ports->at[i].server->host,
			     why);
}

/* As the edge does it: the same questions to the same servers. */
static void resolve(struct survey *ports, struct survey *out, struct names *ns, const char *socket)
{
	struct held *held = memory_zeroed(ports->count, sizeof(*held));
	struct resolver resolver = { 0 };
	const char *why = NULL;

	for (size_t i = 0; i < ports->count; i++)
		held[i] = hold(ns, &ports->at[i]);
	ask_tailnet(out, ports, ns, socket);
	if (resolver_start(&resolver, ns, (struct resolver_options){ 0 }, &why) < 0)
		fprintf(stderr, "probe: DNS cannot be asked: %s\n", why);
	else
		names_wait(ns, RESOLVE_MS);
	resolver_stop(&resolver);
	for (size_t i = 0; i < ports->count; i++) {
		add_addresses(out, &ports->at[i], &held[i]);
		release(&held[i]);
	}
	free(held);
}

int survey_init(struct survey *s, const struct config *c, const struct plan *plan,
		char *const *names, size_t count)
{
	struct survey ports = { 0 };
	struct names ns;
	int err = names_open(&ns);

	*s = (struct survey){ 0 };
	if (err)
		return err;
	add_ports(&ports, c, plan, names, count);
	resolve(&ports, s, &ns, c->global.tailscale);
	free(ports.at);
	names_close(&ns);
	return 0;
}

void survey_finish(struct survey *s)
{
	for (size_t i = 0; i < s->count; i++)
		interview_finish(&s->at[i].interview);
	free(s->at);
	tailnet_status_finish(&s->tailnet);
	*s = (struct survey){ 0 };
}

/* What is polled, and whose it is. */
struct round {
	struct pollfd polled[TALKS_MAX + MANNERS];
	size_t first[TALKS_MAX + MANNERS], who[TALKS_MAX + MANNERS];
	size_t spots, used;
	msec_t due;
};

/* Begins what is due to be asked; a machine has to wait for its turn. */
static void ask(struct survey *s, msec_t *free_at, size_t open, msec_t now, msec_t *due)
{
	for (size_t i = 0; i < s->count && open < TALKS_MAX; i++) {
		struct spot *spot = &s->at[i];
		msec_t ready;

		if (!interview_wants(&spot->interview))
			continue;
		ready = free_at[spot->machine] + interview_pause(&spot->interview);
		if (now < ready) {
			*due = min_of(*due, ready);
			continue;
		}
		free_at[spot->machine] = now + SPACING_MS;
		interview_ask(&spot->interview, now);
		/* What failed at once polls for nothing: there may be something else to ask, or no more at all. */
		if (!interview_talks(&spot->interview))
			*due = now;
		open++;
	}
}

static void gather(const struct survey *s, struct round *r)
{
	size_t n;

	r->spots = r->used = 0;
	for (size_t i = 0; i < s->count && r->used < TALKS_MAX; i++) {
		n = interview_poll(&s->at[i].interview, &r->polled[r->used], &r->due);
		if (!n)
			continue;
		r->who[r->spots] = i;
		r->first[r->spots++] = r->used;
		r->used += n;
	}
}

static bool is_over(const struct survey *s)
{
	for (size_t i = 0; i < s->count; i++)
		if (!interview_over(&s->at[i].interview))
			return false;
	return true;
}

static void ask_all(struct survey *s)
{
	msec_t *free_at = memory_zeroed(s->count, sizeof(*free_at)), now = now_ms();
	msec_t end = now + SURVEY_MS;
	struct round r = { 0 };

	while (now < end && !is_over(s)) {
		r.due = end;
		ask(s, free_at, r.used, now, &r.due);
		gather(s, &r);
		now = now_ms();
		poll(r.polled, r.used, now < r.due ? (int)(r.due - now) : 0);
		now = now_ms();
		for (size_t i = 0; i < r.spots; i++)
			interview_step(&s->at[r.who[i]].interview, &r.polled[r.first[i]], now);
	}
	free(free_at);
}

static bool is_unreachable(enum finding f)
{
	return f == FINDING_CLOSED_PORT || f == FINDING_NO_ANSWER || f == FINDING_NO_WAY ||
	       f == FINDING_NO_ADDRESS;
}

static int family_index(const struct addr *a)
{
	return a->sa.sa_family == AF_INET6;
}

/* The address this machine would have towards that one, where no connection has told. */
static struct addr likely_source(const struct addr *to)
{
	struct addr self = { 0 };
	socklen_t len = sizeof(self.v6);
	int fd = socket(to->sa.sa_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd >= 0 && connect(fd, &to->sa, addr_len(to)) == 0)
		getsockname(fd, &self.sa, &len);
	if (fd >= 0)
		close(fd);
	return self;
}

static struct addr own_address(const struct interview *q)
{
	if (q->passage.on)
		return (struct addr){ 0 };
	for (enum manner m = 0; m < MANNERS; m++)
		if (q->evidence.outcome[m].self.sa.sa_family != AF_UNSPEC)
			return q->evidence.outcome[m].self;
	return likely_source(&q->to);
}

static enum software software_of(const struct evidence *e)
{
	for (enum manner m = 0; m < MANNERS; m++)
		if (e->outcome[m].software)
			return e->outcome[m].software;
	return SOFTWARE_UNKNOWN;
}

/* Mail readers' ports, which may be another program's than those of mail transport. */
static bool is_reading_port(uint16_t port)
{
	return port == 143 || port == 993 || port == 110 || port == 995 || port == 4190;
}

static bool is_for_reading(const struct spot *s)
{
	return is_reading_port(s->listen) || is_reading_port(s->port);
}

static bool is_for_web(const struct spot *s)
{
	return s->listen == 443 || s->listen == 80 || s->port == 8080 || s->port == 8443;
}

/* TLS hides who answers; another port of the machine may have told. Stalwart is everything in one. */
static void take_software(struct spot *of, const struct spot *from)
{
	enum software known = software_of(&from->interview.evidence);

	if (of->advice.software || !known)
		return;
	if (known == SOFTWARE_STALWART ||
	    (is_for_reading(of) == is_for_reading(from) && is_for_web(of) == is_for_web(from)))
		of->advice.software = known;
}

static void learn_from(struct spot *of, const struct spot *from)
{
	const struct addr *to = &from->interview.to;
	struct addr self;
	bool same_port = of->backend == from->backend && of->port == from->port;

	if (from->machine != of->machine || *from->no_address || *of->no_address)
		return;
	take_software(of, from);
	self = own_address(&from->interview);
	if (self.sa.sa_family != AF_UNSPEC)
		of->advice.edge[family_index(to)] = self;
	if (of == from || from->interview.finding == FINDING_NONE)
		return;
	if (family_index(to) == family_index(&of->interview.to))
		of->advice.host_answers |= from->interview.finding != FINDING_NO_ANSWER &&
					   from->interview.finding != FINDING_NO_WAY;
	else if (same_port)
		of->advice.other_family |= from->interview.finding == FINDING_FINE;
}

/* Mail still flows where another address of the backend's takes it. */
static enum gravity weigh(const struct survey *s, const struct spot *spot)
{
	enum gravity own = finding_gravity(spot->interview.finding);

	if (!is_unreachable(spot->interview.finding))
		return own;
	for (size_t i = 0; i < s->count; i++)
		if (s->at[i].backend == spot->backend && s->at[i].port == spot->port &&
		    finding_gravity(s->at[i].interview.finding) == GRAVITY_OK)
			return GRAVITY_WARN;
	return own;
}

static void advise(struct survey *s, struct spot *spot)
{
	spot->advice = (struct advice){ .finding = spot->interview.finding,
					.evidence = &spot->interview.evidence,
					.backend = spot->backend->section.name,
					.setting = spot->setting,
					.no_address = spot->no_address,
					.to = spot->interview.to,
					.software = software_of(&spot->interview.evidence),
					.connect_timeout = spot->interview.connect_timeout,
					.timeout = spot->interview.timeout };
	if (s->tailnet_known && reach_of_addr(&spot->advice.to) == REACH_TAILNET)
		spot->advice.standing = tailnet_standing(&s->tailnet, &spot->advice.to);
	for (size_t i = 0; i < s->count; i++)
		learn_from(spot, &s->at[i]);
	spot->gravity = weigh(s, spot);
}

void survey_run(struct survey *s)
{
	ask_all(s);
	for (size_t i = 0; i < s->count; i++)
		advise(s, &s->at[i]);
}

enum gravity survey_gravity(const struct survey *s)
{
	enum gravity worst = GRAVITY_OK;

	for (size_t i = 0; i < s->count; i++) {
		if (s->at[i].gravity == GRAVITY_MISTAKE)
			return GRAVITY_MISTAKE;
		worst = max_of(worst, s->at[i].gravity);
	}
	return worst;
}
