#include "control/checkup.h"

#include "base/bits.h"
#include "control/checkup_rows.h"

static const struct {
	const char *name;
	void (*look)(const struct facts *f, struct checkup *c);
} rows[] = {
	{ "configuration", check_configuration },
	{ "kernel", check_kernel },
	{ "io_uring", check_ring },
	{ "paths", check_paths },
	{ "descriptors", check_descriptors },
	{ "pipes", check_pipes },
	{ "source-ports", check_ports },
	{ "clock", check_clock },
	{ "listeners", check_listeners },
	{ "routes", check_routes },
	{ "tailscaled", check_tailscaled },
	{ "socket", check_socket },
	{ "node-key", check_key },
	{ "tailnet-mtu", check_device },
	{ "nodes", check_nodes },
	{ "ptr", check_ptr },
	{ "aaaa", check_aaaa },
	{ "outbound-25", check_outbound },
};

void checkup_run(struct checkup *c, const struct facts *f)
{
	*c = (struct checkup){ 0 };
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		c->check = rows[i].name;
		rows[i].look(f, c);
	}
}
