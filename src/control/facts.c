#include "control/facts.h"

#include <time.h>

void facts_gather(struct facts *f, const char *file, const struct config *config,
		  const struct plan *plan, const char *outbound)
{
	*f = (struct facts){ .file = file,
			     .config = config,
			     .plan = plan,
			     .outbound = outbound,
			     .now = time(NULL) };
	facts_machine(f);
	facts_tailnet(f);
	facts_network(f);
	facts_names(f);
}

void facts_finish(struct facts *f)
{
	tailnet_status_finish(&f->tailnet);
}

bool facts_has(const struct facts *f, const struct addr *a)
{
	for (size_t i = 0; i < f->nown; i++) {
		struct addr own = f->own[i];

		addr_set_port(&own, addr_port(a));
		if (addr_equal(&own, a))
			return true;
	}
	return false;
}
