#include "control/dispatch.h"

#include <string.h>

#include "base/nearest.h"
#include "base/log.h"
#include "control/answer.h"
#include "control/drain.h"
#include "control/reload.h"
#include "engine/timer.h"

static struct desk *desk_of(const struct session *s)
{
	return s->sessions->owner;
}

static void ask(struct session *s, enum order_kind kind, void (*done)(struct inquiry *q))
{
	s->inquiry.order.kind = kind;
	s->inquiry.done = done;
	edge_ask(&desk_of(s)->edge, &s->inquiry);
}

static struct session *session_of(struct inquiry *q)
{
	return container_of(q, struct session, inquiry);
}

static void on_look(struct inquiry *q)
{
	struct session *s = session_of(q);
	struct ledger look = q->order.look;

	ledger_make_room(&look, desk_of(s)->edge.roster.count);
	session_answer(s, answer_status(desk_of(s), &look));
	ledger_finish(&look);
}

static void on_scraped(struct inquiry *q)
{
	struct scrape *s = container_of(q, struct scrape, inquiry);
	struct desk *d = s->exporter->owner;
	struct ledger look = q->order.look;

	ledger_make_room(&look, d->edge.roster.count);
	scrape_answer(s, answer_status(d, &look));
	ledger_finish(&look);
}

void dispatch_scrape(struct scrape *s)
{
	struct desk *d = s->exporter->owner;

	s->inquiry = (struct inquiry){ .order.kind = ORDER_LOOK, .done = on_scraped };
	edge_ask(&d->edge, &s->inquiry);
}

static void on_list(struct inquiry *q)
{
	struct session *s = session_of(q);
	struct listing list = q->order.list;

	session_answer(s, answer_conns(desk_of(s), &list));
	listing_finish(&list);
}

static void list_conns(struct session *s)
{
	const struct request *r = &s->request;
	struct listing *list = &s->inquiry.order.list;

	list->sort = r->sort;
	list->limit = r->limit;
	list->of_client = r->has_net;
	list->client = r->net;
	list->port = r->port;
	memcpy(list->listener, r->listener, sizeof(list->listener));
	ask(s, ORDER_LIST, on_list);
}

static void on_killed(struct inquiry *q)
{
	struct session *s = session_of(q);
	char id[24];

	snprintf(id, sizeof(id), "%08llx", (unsigned long long)q->order.kill.id);
	if (q->order.kill.found)
		session_answer(s, json_pack("{s:b, s:s}", "ok", 1, "killed", id));
	else
		session_refuse(s, "unknown", "there is no flow %s: it has ended, or never was", id);
}

static void on_banned(struct inquiry *q)
{
	struct session *s = session_of(q);
	char net[NET_TEXT];
	json_t *ttl = s->request.ttl ? json_integer((json_int_t)s->request.ttl / 1000)
				     : json_null();

	log_info("control: %s is banned, %zu of its flows ended", net_format(&s->request.net, net),
		 q->order.ban.ended);
	prefixes_put(q->order.ban.set);
	session_answer(s, json_pack("{s:b, s:s, s:o, s:I}", "ok", 1, "banned", net, "ttl_s", ttl,
				    "ended", (json_int_t)q->order.ban.ended));
}

static void on_unbanned(struct inquiry *q)
{
	struct session *s = session_of(q);
	char net[NET_TEXT];

	log_info("control: %s is no longer banned", net_format(&s->request.net, net));
	prefixes_put(q->order.ban.set);
	session_answer(s, json_pack("{s:b, s:s}", "ok", 1, "unbanned", net));
}

static void ban(struct session *s)
{
	const struct request *r = &s->request;
	struct desk *d = desk_of(s);

	if (bans_add(&d->bans, &r->net, r->ttl ? timer_now() + r->ttl : TIMER_NONE) < 0) {
		session_refuse(s, "failed", "%d networks are banned: lift some, or ban wider ones",
			       BANS_MAX);
		return;
	}
	s->inquiry.order.ban.set = bans_freeze(&d->bans);
	s->inquiry.order.ban.net = r->net;
	s->inquiry.order.ban.is_new = true;
	ask(s, ORDER_BAN, on_banned);
}

static void unban(struct session *s)
{
	const struct request *r = &s->request;
	struct desk *d = desk_of(s);
	const struct ban *wider = NULL;
	char net[NET_TEXT], other[NET_TEXT];

	net_format(&r->net, net);
	if (bans_remove(&d->bans, &r->net, &wider) < 0) {
		if (wider)
			session_refuse(
				s, "unknown",
				"%s is banned as a part of %s: unban that, and ban what is to stay",
				net, net_format(&wider->net, other));
		else
			session_refuse(s, "unknown", "%s is not banned", net);
		return;
	}
	s->inquiry.order.ban.set = bans_freeze(&d->bans);
	ask(s, ORDER_BAN, on_unbanned);
}

static void set_level(struct session *s)
{
	static const char *const levels[] = { "error", "warn", "info", "debug" };

	if (s->request.has_level) {
		log_set_level(s->request.level);
		log_info("control: log-level %s", levels[s->request.level]);
	}
	session_answer(s, json_pack("{s:b, s:s}", "ok", 1, "level", levels[log_level()]));
}

static void refuse_listener(struct session *s, const char *name)
{
	const struct config *c = desk_of(s)->edge.current->config;
	char meant[NEAREST_TEXT];
	struct nearest n;

	nearest_start(&n, name);
	for (size_t i = 0; i < c->nlistens; i++)
		nearest_try(&n, c->listens[i].section.name);
	session_refuse(s, "unknown",
		       "there is no listener %s that accepts%s; see `tailsplice status`", name,
		       nearest_text(&n, meant));
}

static void refuse_server(struct session *s, const struct pool *p)
{
	const struct config *c = desk_of(s)->edge.current->config;
	char meant[NEAREST_TEXT], own[SERVER_TEXT];
	struct nearest n;

	nearest_start(&n, p ? s->request.server : s->request.backend);
	for (size_t i = 0; !p && i < c->nbackends; i++)
		nearest_try(&n, c->backends[i].section.name);
	for (size_t i = 0; p && i < p->count; i++)
		nearest_try(&n, p->at[i].server->host);
	if (!p)
		session_refuse(s, "unknown", "there is no backend %s%s", s->request.backend,
			       nearest_text(&n, meant));
	else
		session_refuse(s, "unknown",
			       "backend %s has no server %s%s; name it as in the file: %s",
			       s->request.backend, s->request.server, nearest_text(&n, meant),
			       server_format(p->at[0].server, own));
}

static struct pool *find_pool(const struct generation *g, const char *backend)
{
	for (size_t i = 0; i < g->config->nbackends; i++)
		if (strcmp(g->config->backends[i].section.name, backend) == 0)
			return &g->pools[i];
	return NULL;
}

static void set_admin(struct session *s, enum server_admin admin)
{
	static const char *const means[] = { "new flows are led there",
					     "no new flows are led there",
					     "no new flows are led there, and it is not checked" };
	struct pool *p = find_pool(desk_of(s)->edge.current, s->request.backend);
	struct server *server = p ? pool_find(p, s->request.server) : NULL;
	char name[SERVER_TEXT];
	size_t live;

	if (!server) {
		refuse_server(s, p);
		return;
	}
	server_set_admin(server, admin);
	live = atomic_load(&server->live);
	server_format(server, name);
	log_info("control: server %s/%s is %s: %s; it has %zu flows", s->request.backend, name,
		 server_admin_name(admin), means[admin], live);
	session_answer(s, json_pack("{s:b, s:s, s:s, s:s, s:I}", "ok", 1, "backend",
				    s->request.backend, "server", name, "state",
				    server_admin_name(admin), "live", (json_int_t)live));
}

static void drain(struct session *s)
{
	const char *name = s->request.listener;
	struct desk *d = desk_of(s);

	if (*s->request.backend) {
		set_admin(s, SERVER_DRAIN);
		return;
	}
	if (!*name) {
		session_answer(s, json_pack("{s:b, s:n}", "ok", 1, "draining"));
		drain_all(d, "control");
		return;
	}
	if (!edge_drain(&d->edge, name, drain_limit(d))) {
		refuse_listener(s, name);
		return;
	}
	log_info("control: listener %s accepts no more; a reload opens it again", name);
	session_answer(s, json_pack("{s:b, s:s}", "ok", 1, "draining", name));
}

void dispatch(struct session *s)
{
	s->inquiry = (struct inquiry){ 0 };
	switch (s->request.verb->id) {
	case VERB_STATUS:
		ask(s, ORDER_LOOK, on_look);
		break;
	case VERB_CONNS:
		list_conns(s);
		break;
	case VERB_KILL:
		s->inquiry.order.kill.id = s->request.flow;
		ask(s, ORDER_KILL, on_killed);
		break;
	case VERB_BAN:
		ban(s);
		break;
	case VERB_UNBAN:
		unban(s);
		break;
	case VERB_BANS:
		session_answer(s, answer_bans(desk_of(s)));
		break;
	case VERB_LOG_LEVEL:
		set_level(s);
		break;
	case VERB_DRAIN:
		drain(s);
		break;
	case VERB_READY:
		set_admin(s, SERVER_READY);
		break;
	case VERB_MAINT:
		set_admin(s, SERVER_MAINT);
		break;
	case VERB_RELOAD:
		log_info("control: reload");
		session_answer(s, reload(desk_of(s)));
		break;
	case VERB_COUNT:
		break;
	}
}

/* Workers see for themselves that a ban is over; what they hold goes with the next change. */
msec_t dispatch_expire(struct desk *d, msec_t now)
{
	return bans_expire(&d->bans, now);
}
