#include "control/answer_servers.h"

#include "base/log.h"
#include "engine/timer.h"

const char *const server_states[] = { "ready", "drain", "maint", "down", "no-address" };

static json_t *packed(json_t *object)
{
	if (!object)
		panic("out of memory for an answer");
	return object;
}

/* A literal is its own answer, of no age. */
static void look(const struct server *s, struct name_view *out)
{
	*out = (struct name_view){ .at = { s->literal }, .count = 1 };
	if (s->name)
		name_look(s->name, out);
}

static const struct health_place *place_of(const struct health_view *h, const struct addr *at)
{
	for (size_t i = 0; h->on && i < h->count; i++)
		if (addr_equal(&h->place[i].at, at))
			return &h->place[i];
	return NULL;
}

static json_t *addresses(const struct name_view *v, const struct health_view *h)
{
	json_t *list = packed(json_array());
	char text[ADDR_TEXT];

	for (size_t i = 0; i < v->count; i++) {
		const struct health_place *p = place_of(h, &v->at[i]);
		bool trouble = p && *p->reason && (p->down || p->count);

		json_array_append_new(list, packed(json_pack("{s:s, s:b, s:s?, s:s?}", "address",
							     addr_format_host(&v->at[i], text),
							     "up", !p || !p->down, "check",
							     p ? health_word(p) : NULL, "reason",
							     trouble ? p->reason : NULL)));
	}
	return list;
}

/* What the operator said first: it holds whatever else is so. */
static const char *state(const struct server *s, const struct name_view *v,
			 const struct health_view *h)
{
	enum server_admin admin = (enum server_admin)atomic_load(&s->admin);

	if (admin != SERVER_READY)
		return server_admin_name(admin);
	if (!v->count)
		return "no-address";
	for (size_t i = 0; i < v->count; i++) {
		const struct health_place *p = place_of(h, &v->at[i]);

		if (!p || !p->down)
			return "ready";
	}
	return "down";
}

static json_t *server(const struct pool *p, const struct pool_member *m)
{
	struct server *s = m->server;
	char name[SERVER_TEXT];
	struct health_view h;
	struct name_view v;
	msec_t now = timer_now();

	look(s, &v);
	health_look(&s->health, &h);
	return packed(json_pack("{s:s, s:s, s:I, s:i, s:b, s:i, s:o, s:s?, s:o, s:s?}", "name",
				server_format(s, name), "state", state(s, &v, &h), "live",
				(json_int_t)atomic_load(&s->live), "weight", (int)m->weight,
				"backup", m->backup, "share_percent", (int)pool_share(p, m),
				"addresses", addresses(&v, &h), "source", v.source, "age_s",
				v.good ? packed(json_integer((json_int_t)((now - v.good) / 1000)))
				       : json_null(),
				"error", *v.error ? v.error : NULL));
}

json_t *answer_servers(struct pool *p)
{
	json_t *list = packed(json_array());

	for (size_t i = 0; i < p->count; i++)
		json_array_append_new(list, server(p, &p->at[i]));
	return list;
}
