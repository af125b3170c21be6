#include "edge/checks.h"

#include "backend/verdict.h"

static enum speech speech_of(enum check_kind kind)
{
	static const enum speech speeches[] = { [CHECK_OFF] = SPEECH_NONE,
						[CHECK_TCP] = SPEECH_NONE,
						[CHECK_SMTP] = SPEECH_SMTP,
						[CHECK_IMAP] = SPEECH_IMAP,
						[CHECK_TLS] = SPEECH_TLS };

	return speeches[kind];
}

/* Of the ports that lead to that backend, the first on which the check's protocol is spoken; if there is none, the
 * first. */
static uint16_t port_led_to(const struct generation *g, const struct backend_conf *b)
{
	enum speech wanted = speech_of((enum check_kind)b->check.kind);
	uint16_t first = 0, port;

	for (size_t i = 0; i < g->plan.count; i++) {
		const struct plan_entry *e = &g->plan.at[i];

		for (size_t k = 0; k < e->nto; k++) {
			if (e->to[k].backend != b)
				continue;
			port = e->to[k].dial.port;
			if (speech_of_ports(addr_port(&e->at), port) == wanted)
				return port;
			first = first ? first : port;
		}
	}
	return first;
}

static uint16_t port_of(const struct generation *g, const struct backend_conf *b,
			const struct server *s)
{
	if (b->check.port)
		return (uint16_t)b->check.port;
	return s->port ? s->port : port_led_to(g, b);
}

static struct check_plan plan_of(const struct generation *g, const struct backend_conf *b,
				 const struct server *s)
{
	const struct check_conf *k = &b->check;

	return (struct check_plan){
		.on = k->kind != CHECK_OFF,
		.port = port_of(g, b, s),
		.conversation = { .outgoing = outgoing_of(b),
				  .passage = passage_of(b, s->host),
				  .header = (enum pp_version)b->send_proxy,
				  .expect = speech_of((enum check_kind)k->kind),
				  .connect_only = k->kind == CHECK_TCP,
				  .connect_timeout = min_of(b->connect_timeout, k->timeout),
				  .timeout = k->timeout },
		.interval = k->interval,
		.fast = min_of(k->fast, k->interval),
		.rise = (unsigned)k->rise,
		.fall = (unsigned)k->fall,
	};
}

void checks_order(struct checker *c, const struct generation *g)
{
	checker_begin(c);
	for (size_t i = 0; i < g->config->nbackends; i++) {
		const struct pool *p = &g->pools[i];

		for (size_t k = 0; k < p->count; k++) {
			struct check_plan plan = plan_of(g, p->conf, p->at[k].server);

			checker_add(c, p->at[k].server, &plan, p->conf->via.name);
		}
	}
	checker_commit(c);
}
