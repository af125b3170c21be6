#include "backend/pool.h"

#include "backend/resolve.h"
#include "config/keys.h"

bool pool_fill(struct pool *p, const struct backend_conf *conf, struct report *report)
{
	const struct servers *servers = &conf->servers;
	size_t before = report->errors, n;
	const char *why = "";

	p->conf = conf;
	p->count = 0;
	for (size_t i = 0; i < servers->count && p->count < POOL_ADDRESSES_MAX; i++) {
		n = resolve_host(servers->at[i].host, servers->at[i].port, &p->addresses[p->count],
				 POOL_ADDRESSES_MAX - p->count, &why);
		if (!n)
			report_add(report, key_line(SECTION_BACKEND, &conf->section, "server"),
				   "server: %s does not resolve: %s", servers->at[i].host, why);
		p->count += n;
	}
	return report->errors == before;
}

bool pool_pick(const struct pool *p, size_t attempt, uint16_t port, struct addr *out)
{
	if (attempt >= p->count)
		return false;
	*out = p->addresses[attempt];
	if (!addr_port(out))
		addr_set_port(out, port);
	return true;
}
