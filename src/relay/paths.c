#include "relay/paths.h"

#include <string.h>

#include "relay/auto.h"
#include "relay/copy.h"
#include "relay/carrier.h"
#include "relay/ring_splice.h"
#include "relay/sockmap.h"
#include "relay/splice.h"

const struct path *const paths[] = { &path_auto,	&path_copy,    &path_splice,
				     &path_ring_splice, &path_sockmap, NULL };

const struct path *path_find(const char *name)
{
	for (const struct path *const *p = paths; *p; p++)
		if (strcmp((*p)->name, name) == 0)
			return *p;
	return NULL;
}

const char *path_prepare(const struct path *path, size_t workers)
{
	return path->carrier ? path->carrier->prepare(workers) : NULL;
}

bool paths_leave(struct relay_host *host)
{
	bool left = true;

	for (const struct path *const *p = paths; *p; p++)
		if ((*p)->carrier && !(*p)->carrier->leave(host))
			left = false;
	return left;
}
