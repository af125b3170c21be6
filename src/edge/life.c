#include "edge/life.h"

#include <errno.h>
#include <string.h>

#include "base/log.h"
#include "edge/record.h"

static const unsigned may_follow[] = {
	[FLOW_NEW] = BIT(FLOW_HEAD) | BIT(FLOW_DIAL) | BIT(FLOW_HELD) | BIT(FLOW_FAREWELL) |
		     BIT(FLOW_CLOSING),
	[FLOW_HEAD] = BIT(FLOW_DIAL) | BIT(FLOW_HELD) | BIT(FLOW_FAREWELL) | BIT(FLOW_CLOSING),
	[FLOW_DIAL] = BIT(FLOW_DIAL) | BIT(FLOW_HELD) | BIT(FLOW_FAREWELL) | BIT(FLOW_RELAY) |
		      BIT(FLOW_CLOSING),
	[FLOW_HELD] = BIT(FLOW_DIAL) | BIT(FLOW_FAREWELL) | BIT(FLOW_CLOSING),
	[FLOW_FAREWELL] = BIT(FLOW_CLOSING),
	[FLOW_RELAY] = BIT(FLOW_CLOSING),
	[FLOW_CLOSING] = 0,
};

void life_enter(struct flow *f, enum flow_state next)
{
	if (!(may_follow[f->state] & BIT(next)))
		panic("flow %llx: state %d cannot follow %d", (unsigned long long)f->id, next,
		      f->state);
	f->state = (uint8_t)next;
}

const char *flow_path_name(const struct flow *f)
{
	return f->relayed ? relay_path_name(&f->relay) : f->plan->path->name;
}

/* Strangers can make as many of those as they like: refused, or gone before we looked. */
static bool is_common(const struct flow *f)
{
	return why_is_refusal((enum why)f->why) || f->client.sa.sa_family == AF_UNSPEC;
}

static void log_flow(const struct flow *f)
{
	struct record r = {
		.flow = f->id,
		.listener = f->plan->conf->section.name,
		.port = addr_port(&f->plan->at),
		.client = f->client,
		.backend = f->to ? f->to->backend->section.name : NULL,
		.server = f->server,
		.server_name = f->on && f->server.sa.sa_family == AF_UNSPEC ? f->on->host : NULL,
		.path = flow_path_name(f),
		.up = flow_moved(f, CLIENT),
		.down = flow_moved(f, SERVER),
		.connect_ms = f->connect_ms,
		.ms = f->flows->host.now - f->started,
		.why = (enum why)f->why,
		.flows = atomic_load_explicit(&f->flows->admit->flows, memory_order_relaxed),
		.listener_flows = f->flows->ledger.accounts[f->plan->account].live,
		.backend_flows = f->to ? f->flows->ledger.accounts[f->to->account].live : 0,
		.retries = f->retries,
	};
	struct line line;

	if (!log_wants(LOG_INFO))
		return;
	if (is_common(f) && !sampler_wants(&f->flows->sampler, r.why, f->flows->host.now))
		return;
	record_line(&r, log_format(), &line);
	log_line(&line);
}

uint64_t flow_moved(const struct flow *f, enum side from)
{
	return f->relayed ? f->relay.half[from].moved : 0;
}

static void leave_server(struct flow *f)
{
	bool by_server = f->why == WHY_SERVER_EOF || f->why == WHY_SERVER_RESET ||
			 f->why == WHY_HEAD_TIMEOUT;

	if (by_server && !flow_moved(f, SERVER))
		server_note(f->on, &f->server, HEALTH_CLOSED_EARLY);
	server_leave(f->on);
	ports_leave(&f->on->ports, &f->server);
	f->on = NULL;
}

/* The other half of enroll(). */
static void settle_accounts(struct flow *f)
{
	const struct ledger_end end = { .listener = f->plan->account,
					.backend = f->to ? f->to->account : LEDGER_NO_ACCOUNT,
					.why = (enum why)f->why,
					.up = flow_moved(f, CLIENT),
					.down = flow_moved(f, SERVER),
					.path = f->relayed ? relay_path_name(&f->relay) : NULL };

	ledger_settle(&f->flows->ledger, &end);
	if (f->relayed)
		leave_server(f);
}

void life_tell(struct flow *f)
{
	log_flow(f);
	settle_accounts(f);
}

/* Not for each flow: what fails for one fails for thousands, and their lines say it too. */
#define COMPLAIN_EVERY 10000

void life_complain(const struct flow *f, int error)
{
	const struct backend_conf *b = f->to->backend;
	struct flows *fs = f->flows;

	if (fs->complained && fs->host.now - fs->complained < COMPLAIN_EVERY)
		return;
	fs->complained = fs->host.now;
	if (error == -EADDRNOTAVAIL)
		log_warn(
			"no source port is left towards backend %s: widen net.ipv4.ip_local_port_range, or "
			"give the backend more addresses",
			b->section.name);
	else if (error == -ENXIO)
		log_warn("backend %s: source: that address is none of this machine's now",
			 b->section.name);
	else if (error == -EPROTO)
		log_warn("backend %s: via: what answers at %s is no SOCKS5 proxy", b->section.name,
			 b->via.host);
	else
		log_warn("backend %s: connect failed: %s", b->section.name, strerror(-error));
}

const char *flow_state_name(const struct flow *f)
{
	static const char *const names[] = {
		[FLOW_NEW] = "new",	   [FLOW_HEAD] = "head",	 [FLOW_DIAL] = "dial",
		[FLOW_HELD] = "held",	   [FLOW_FAREWELL] = "farewell", [FLOW_RELAY] = "relay",
		[FLOW_CLOSING] = "closing"
	};

	return names[f->state];
}
