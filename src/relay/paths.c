#include "relay/paths.h"

#include <string.h>

#include "relay/auto.h"
#include "relay/copy.h"
#include "relay/ring_splice.h"
#include "relay/splice.h"

const struct path *const paths[] = { &path_auto, &path_copy, &path_splice, &path_ring_splice,
				     NULL };

const struct path *path_find(const char *name)
{
	for (const struct path *const *p = paths; *p; p++)
		if (strcmp((*p)->name, name) == 0)
			return *p;
	return NULL;
}
