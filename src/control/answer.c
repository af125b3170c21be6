#include "control/answer.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "backend/device.h"
#include "base/log.h"
#include "config/route.h"
#include "control/answer_servers.h"
#include "control/answer_tailnet.h"
#include "edge/why.h"
#include "engine/timer.h"

/* Two looks in less than that see the same rates. */
#define SAMPLE_SPAN 900

static json_t *packed(json_t *object)
{
	if (!object)
		panic("out of memory for an answer");
	return object;
}

static json_t *number(uint64_t n)
{
	return packed(json_integer((json_int_t)n));
}

static json_t *stamp(time_t t)
{
	struct tm parts;
	char text[32];

	strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&t, &parts));
	return packed(json_string(text));
}

static json_t *address(const struct addr *a)
{
	char text[ADDR_TEXT];

	return a->sa.sa_family == AF_UNSPEC ? json_null()
					    : packed(json_string(addr_format(a, text)));
}

/* Those that happened, by name. */
static json_t *reasons(const uint64_t counts[static WHY_COUNT])
{
	json_t *object = packed(json_object());

	for (enum why w = WHY_CLIENT_EOF; w < WHY_COUNT; w++)
		if (counts[w])
			json_object_set_new(object, why_name(w), number(counts[w]));
	return object;
}

static uint64_t refused(const struct ledger *look)
{
	uint64_t n = 0;

	for (enum why w = WHY_CLIENT_EOF; w < WHY_COUNT; w++)
		n += look->refusals[w];
	return n;
}

static json_t *path_use(const struct ledger *look)
{
	json_t *object = packed(json_object());

	for (size_t i = 0; i < LEDGER_PATHS && look->paths[i].name; i++)
		json_object_set_new(object, look->paths[i].name, number(look->paths[i].flows));
	return object;
}

static json_t *rates(struct desk *d, const struct ledger *look)
{
	msec_t now = timer_now(), span = max_of(now - d->sample.at, (msec_t)1);
	uint64_t up = look->up - d->sample.up, down = look->down - d->sample.down;
	json_t *object;

	object = packed(
		json_pack("{s:f, s:I, s:I, s:I}", "connections_per_s",
			  (double)(look->accepted - d->sample.accepted) * 1000.0 / (double)span,
			  "up_bytes_per_s", (json_int_t)(up * 1000 / span), "down_bytes_per_s",
			  (json_int_t)(down * 1000 / span), "over_ms", (json_int_t)span));
	if (span >= SAMPLE_SPAN) {
		d->sample.at = now;
		d->sample.accepted = look->accepted;
		d->sample.up = look->up;
		d->sample.down = look->down;
	}
	return object;
}

static const struct binding *binding_of(const struct desk *d, const struct roster_entry *r)
{
	char at[ADDR_TEXT];

	for (size_t i = 0; i < d->edge.bindings.count; i++) {
		const struct binding *b = &d->edge.bindings.at[i];

		if (!b->left && strcmp(b->listener, r->name) == 0 &&
		    strcmp(addr_format(&b->at, at), r->address) == 0)
			return b;
	}
	return NULL;
}

static const struct plan_entry *entry_of(const struct desk *d, size_t number)
{
	const struct plan *plan = &d->edge.current->plan;

	for (size_t i = 0; i < plan->count; i++)
		if (plan->at[i].account == number)
			return &plan->at[i];
	return NULL;
}

/* Where it leads, each once: "stalwart-web, caddy". */
static json_t *backend_names(const struct plan_entry *e)
{
	char text[512] = "";
	size_t used = 0, k;

	for (size_t i = 0; e && i < e->nto && used < sizeof(text); i++) {
		for (k = 0; e->to[k].backend != e->to[i].backend; k++)
			;
		if (k == i)
			used += (size_t)snprintf(text + used, sizeof(text) - used, "%s%s",
						 used ? ", " : "", e->to[i].backend->section.name);
	}
	return e ? packed(json_string(text)) : json_null();
}

static json_t *routes(const struct plan_entry *e)
{
	json_t *list = packed(json_array());
	char match[ROUTE_TEXT];

	for (size_t i = 0; e && i < e->nto; i++)
		json_array_append_new(list,
				      packed(json_pack("{s:s, s:s, s:i}", "match",
						       route_format(&e->conf->routes.at[i], match),
						       "backend", e->to[i].backend->section.name,
						       "port", e->to[i].dial.port)));
	return list;
}

/* One that is gone is told of as long as it has flows. */
static json_t *listeners(const struct desk *d, const struct ledger *look)
{
	json_t *list = packed(json_array());

	for (size_t i = 0; i < look->count; i++) {
		const struct roster_entry *r = &d->edge.roster.at[i];
		const struct account *a = &look->accounts[i];
		const struct binding *b = r->address ? binding_of(d, r) : NULL;

		if (!r->address || (!b && !a->live))
			continue;
		json_array_append_new(
			list,
			packed(json_pack("{s:s, s:s, s:o, s:o, s:s, s:I, s:I, s:I, s:I, s:I}",
					 "name", r->name, "address", r->address, "backend",
					 backend_names(entry_of(d, i)), "routes",
					 routes(entry_of(d, i)), "state",
					 !b			       ? "draining"
					 : !admit_room(&d->edge.admit) ? "paused"
								       : "accepting",
					 "live", (json_int_t)a->live, "accepted",
					 (json_int_t)a->accepted, "refused", (json_int_t)a->refused,
					 "up", (json_int_t)a->up, "down", (json_int_t)a->down)));
	}
	return list;
}

/* By the longest time of each class; the last has none. */
static json_t *latency(const struct latency *l)
{
	json_t *classes = packed(json_object());
	char bound[24];

	for (size_t i = 0; i < LATENCY_CLASSES; i++) {
		snprintf(bound, sizeof(bound), "%u",
			 i < LATENCY_CLASSES - 1 ? latency_bounds[i] : 0);
		json_object_set_new(classes, i < LATENCY_CLASSES - 1 ? bound : "inf",
				    number(l->counts[i]));
	}
	return packed(json_pack("{s:I, s:o}", "sum", (json_int_t)l->sum, "classes", classes));
}

static json_t *backends(const struct desk *d, const struct ledger *look)
{
	static const char *const headers[] = { "off", "v1", "v2" };
	const struct generation *g = d->edge.current;
	json_t *list = packed(json_array());

	for (size_t i = 0; i < g->config->nbackends; i++) {
		const struct backend_conf *b = &g->config->backends[i];
		struct account a = { 0 };

		for (size_t n = 0; n < look->count; n++)
			if (!d->edge.roster.at[n].address &&
			    strcmp(d->edge.roster.at[n].name, b->section.name) == 0)
				a = look->accounts[n];
		json_array_append_new(
			list,
			packed(json_pack("{s:s, s:o, s:s, s:I, s:I, s:I, s:o, s:I, s:I}", "name",
					 b->section.name, "servers", answer_servers(&g->pools[i]),
					 "send_proxy", headers[b->send_proxy], "live",
					 (json_int_t)a.live, "connects", (json_int_t)a.accepted,
					 "failed", (json_int_t)a.refused, "connect_ms",
					 latency(&a.connects), "up", (json_int_t)a.up, "down",
					 (json_int_t)a.down)));
	}
	return list;
}

static json_t *configuration(const struct desk *d)
{
	return packed(json_pack("{s:s?, s:s, s:o, s:I, s:I, s:s?}", "file", d->file, "hash",
				d->edge.current->config->hash, "loaded", stamp(d->loaded),
				"reloads", (json_int_t)d->reloads, "failed_reloads",
				(json_int_t)d->failed_reloads, "last_error", d->last_error));
}

static json_t *tailnet_interface(void)
{
	char name[IF_NAMESIZE];
	size_t refused;
	bool found = device_tailnet(name, &refused);

	return packed(json_pack("{s:s?, s:I}", "name", found ? name : NULL, "refused",
				(json_int_t)refused));
}

json_t *answer_status(struct desk *d, const struct ledger *look)
{
	static const char *const levels[] = { "error", "warn", "info", "debug" };
	const struct edge *e = &d->edge;

	return packed(json_pack(
		"{s:b, s:s, s:i, s:s, s:o, s:I, s:o, s:I, s:s, s:s, "
		"s:{s:I, s:I, s:I, s:I}, s:o, s:o, s:{s:I, s:I}, s:o, s:o, s:I, s:{s:s, s:I}, s:o, s:o, s:o, s:o}",
		"ok", 1, "version", TAILSPLICE_VERSION, "pid", (int)getpid(), "state",
		d->draining ? "draining" : "running", "since", stamp(d->since), "uptime_s",
		(json_int_t)((timer_now() - d->started) / 1000), "config", configuration(d),
		"workers", (json_int_t)e->nworkers, "ring", e->workers[0].features, "user", d->user,
		"flows", "live", (json_int_t)atomic_load(&e->admit.flows), "max",
		(json_int_t)admit_limit(&e->admit), "accepted", (json_int_t)look->accepted,
		"refused", (json_int_t)refused(look), "refusals", reasons(look->refusals), "ends",
		reasons(look->ends), "bytes", "up", (json_int_t)look->up, "down",
		(json_int_t)look->down, "rates", rates(d, look), "paths", path_use(look), "bans",
		(json_int_t)d->bans.count, "log", "level", levels[log_level()], "dropped",
		(json_int_t)log_dropped(), "listeners", listeners(d, look), "backends",
		backends(d, look), "tailnet", answer_tailnet(e->tailnet), "tailnet_interface",
		tailnet_interface()));
}

static json_t *conn(const struct desk *d, const struct listing_row *r)
{
	const struct roster *names = &d->edge.roster;
	char id[24], listener[100];

	snprintf(id, sizeof(id), "%08" PRIx64, r->id);
	snprintf(listener, sizeof(listener), "%.64s:%u", names->at[r->account].name, r->port);
	return packed(json_pack(
		"{s:s, s:s, s:o, s:s?, s:o, s:s, s:s, s:I, s:I, s:I, s:I, s:I}", "id", id,
		"listener", listener, "client", address(&r->client), "backend",
		r->backend_account == LISTING_NO_ACCOUNT ? NULL
							 : names->at[r->backend_account].name,
		"server", address(&r->server), "path", r->path, "state", r->state, "age_ms",
		(json_int_t)r->age, "idle_ms", (json_int_t)r->idle, "up", (json_int_t)r->up, "down",
		(json_int_t)r->down, "rate", (json_int_t)r->rate));
}

json_t *answer_conns(const struct desk *d, const struct listing *list)
{
	json_t *rows = packed(json_array());

	for (size_t i = 0; i < list->count; i++)
		json_array_append_new(rows, conn(d, &list->rows[i]));
	return packed(json_pack("{s:b, s:I, s:I, s:o}", "ok", 1, "total", (json_int_t)list->total,
				"matched", (json_int_t)list->matched, "conns", rows));
}

json_t *answer_bans(const struct desk *d)
{
	json_t *list = packed(json_array());
	msec_t now = timer_now();
	char net[NET_TEXT];

	for (size_t i = 0; i < d->bans.count; i++) {
		const struct ban *b = &d->bans.at[i];
		json_t *ttl = b->until == TIMER_NONE
				      ? json_null()
				      : number((max_of(b->until, now) - now + 999) / 1000);

		json_array_append_new(list, packed(json_pack("{s:s, s:o, s:o}", "net",
							     net_format(&b->net, net), "ttl_s", ttl,
							     "since", stamp(b->since))));
	}
	return packed(json_pack("{s:b, s:o}", "ok", 1, "bans", list));
}

static json_t *texts(const struct report *report, bool warnings)
{
	json_t *list = packed(json_array());
	char text[2048];

	for (size_t i = 0; i < report->count; i++)
		if (!report->at[i].warning == !warnings)
			json_array_append_new(
				list, packed(json_string(report_format(report, &report->at[i], text,
								       sizeof(text)))));
	return list;
}

static json_t *addresses(const struct addrs *list)
{
	json_t *array = packed(json_array());

	for (size_t i = 0; i < list->count; i++)
		json_array_append_new(array, address(&list->at[i]));
	return array;
}

json_t *answer_reload(const struct edge_change *change, const struct report *report)
{
	return packed(json_pack("{s:b, s:{s:o, s:o, s:I}, s:o}", "ok", 1, "changed", "added",
				addresses(&change->added), "removed", addresses(&change->removed),
				"kept", (json_int_t)change->kept, "warnings", texts(report, true)));
}

json_t *answer_errors(const char *error, const struct report *report)
{
	return packed(json_pack("{s:b, s:s, s:s, s:o, s:o}", "ok", 0, "error", error, "code",
				"failed", "errors", texts(report, false), "warnings",
				texts(report, true)));
}
