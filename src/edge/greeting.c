#include "edge/greeting.h"

#include <errno.h>
#include <stdlib.h>

#include "codec/pp.h"

int greeting_make(struct greeting **out, const struct backend_conf *b, const struct addr *src,
		  const struct addr *dst)
{
	struct greeting *g;

	*out = NULL;
	if (b->send_proxy == PP_OFF)
		return 0;
	g = malloc(sizeof(*g) + PP_WRITE_MAX);
	if (!g)
		return -ENOMEM;
	g->len = pp_write((enum pp_version)b->send_proxy, src, dst, g->bytes);
	*out = g;
	return 0;
}
