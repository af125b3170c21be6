#include "edge/order.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/memory.h"

struct order *order_new(enum order_kind kind)
{
	struct order *o = memory_zeroed(1, sizeof(*o));

	o->kind = kind;
	return o;
}

static void free_places(struct order *o)
{
	for (size_t i = 0; i < o->serve.count; i++)
		if (o->serve.at[i].fd >= 0)
			close(o->serve.at[i].fd);
	free(o->serve.at);
	generation_put(o->serve.generation);
}

void order_free(struct order *o)
{
	switch (o->kind) {
	case ORDER_SERVE:
		free_places(o);
		break;
	case ORDER_BAN:
		prefixes_put(o->ban.set);
		break;
	case ORDER_LOOK:
		ledger_finish(&o->look);
		break;
	case ORDER_LIST:
		listing_finish(&o->list);
		break;
	default:
		break;
	}
	free(o);
}
