#include "edge/flows.h"

#include <stdlib.h>
#include <string.h>

#include "codec/pp.h"

static void run_spent(struct flows *fs)
{
	struct list again, *node;

	/* Those that spend their share again wait for the next turn. */
	list_init(&again);
	while ((node = list_pop(&fs->host.runnable)))
		list_add(&again, node);
	while ((node = list_pop(&again)))
		relay_resume(container_of(node, struct relay, runnable));
}

size_t flows_sweep(struct flows *fs)
{
	size_t freed = 0;

	run_spent(fs);
	list_each(node, &fs->dying)
		freed += flow_reap(container_of(node, struct flow, node));
	return freed;
}

void flows_close_all(struct flows *fs, enum why why)
{
	list_each(node, &fs->live)
		flow_close(container_of(node, struct flow, node), why);
}

void flows_drain(struct flows *fs, const char *listener, msec_t due)
{
	list_each(node, &fs->live) {
		struct flow *f = container_of(node, struct flow, node);

		if (*listener && strcmp(f->plan->conf->section.name, listener) != 0)
			continue;
		flow_drain(f, due);
	}
}

bool flows_kill(struct flows *fs, uint64_t id)
{
	list_each(node, &fs->live) {
		struct flow *f = container_of(node, struct flow, node);

		if (f->id != id)
			continue;
		flow_close(f, WHY_KILLED);
		return true;
	}
	return false;
}

size_t flows_deny(struct flows *fs, const struct net *net)
{
	size_t n = 0;

	list_each(node, &fs->live) {
		struct flow *f = container_of(node, struct flow, node);

		if (!net_contains(net, &f->client))
			continue;
		flow_close(f, WHY_DENIED);
		n++;
	}
	return n;
}

/* A rate needs a span: looks that follow each other more closely see the same one. */
#define LOOK_SPAN 900

static void refresh(struct flow *f)
{
	if (f->state == FLOW_RELAY)
		relay_refresh(&f->relay);
}

static void list_flow(struct flow *f, msec_t now, struct listing *out)
{
	struct listing_row row;
	uint64_t bytes;

	refresh(f);
	row = (struct listing_row){ .id = f->id,
				    .account = f->plan->account,
				    .backend_account = f->to ? f->to->account : LISTING_NO_ACCOUNT,
				    .port = addr_port(&f->plan->at),
				    .client = f->client,
				    .server = f->server,
				    .path = flow_path_name(f),
				    .state = flow_state_name(f),
				    .age = now - f->started,
				    .idle = now - (f->relayed ? f->relay.last_moved : f->started),
				    .up = flow_moved(f, CLIENT),
				    .down = flow_moved(f, SERVER) };
	bytes = row.up + row.down;
	row.rate = (bytes - f->looked_bytes) * 1000 / max_of(now - f->looked, (msec_t)1);
	if (now - f->looked >= LOOK_SPAN) {
		f->looked_bytes = bytes;
		f->looked = now;
	}
	listing_add(out, &row);
	out->matched++;
}

void flows_list(struct flows *fs, struct listing *out)
{
	list_each(node, &fs->live) {
		struct flow *f = container_of(node, struct flow, node);

		out->total++;
		if (listing_wants(out, f->plan->conf->section.name, addr_port(&f->plan->at),
				  &f->client))
			list_flow(f, fs->host.now, out);
	}
	listing_trim(out);
}

void flows_look(const struct flows *fs, struct ledger *out)
{
	ledger_copy(out, &fs->ledger);
	list_each(node, &fs->live) {
		struct flow *f = container_of(node, struct flow, node);
		struct account *listener = &out->accounts[f->plan->account];
		struct account *backend = f->to ? &out->accounts[f->to->account] : NULL;
		uint64_t up, down;

		refresh(f);
		up = flow_moved(f, CLIENT);
		down = flow_moved(f, SERVER);
		out->up += up;
		out->down += down;
		listener->up += up;
		listener->down += down;
		if (backend) {
			backend->up += up;
			backend->down += down;
		}
	}
}

void flows_init(struct flows *fs, struct timers *timers, struct admit *admit, uint64_t first,
		uint64_t step)
{
	fs->timers = fs->host.timers = timers;
	fs->admit = admit;
	fs->next_id = first;
	fs->id_step = step;
	fs->host.ended = flow_relay_ended;
	fs->host.refuses = pp_begins;
	fs->unused = NULL;
	fs->count = 0;
	fs->complained = 0;
	fs->nsheltered = 0;
	list_init(&fs->host.runnable);
	ledger_init(&fs->ledger);
	fs->screen.bans = NULL;
	sampler_init(&fs->sampler, timers);
	tarpit_init(&fs->tarpit, timers, max_of(TARPIT_MOST / step, 1));
	list_init(&fs->live);
	list_init(&fs->dying);
}

void flows_finish(struct flows *fs)
{
	struct flow *f;

	while ((f = fs->unused)) {
		fs->unused = (struct flow *)f->node.next;
		free(f);
	}
	ledger_finish(&fs->ledger);
	sampler_finish(&fs->sampler);
	tarpit_finish(&fs->tarpit);
	prefixes_put(fs->screen.bans);
}
