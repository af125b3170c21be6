#include "control/desk.h"

#include <unistd.h>

#include "config/config.h"

bool desk_configure(struct desk *d, struct config *c, struct plan *plan, struct edge_change *change,
		    struct report *report)
{
	int metrics;

	if (!exporter_prepare(&d->exporter, &c->global, &metrics, report)) {
		plan_free(plan);
		config_free(c);
		return false;
	}
	if (edge_configure(&d->edge, c, plan, change, report)) {
		exporter_commit(&d->exporter, &d->edge.current->config->global, metrics);
		return true;
	}
	if (metrics >= 0)
		close(metrics);
	return false;
}
