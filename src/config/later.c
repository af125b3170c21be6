#include "config/later.h"

#include <string.h>

/* clang-format off */
static const struct later_key rows[] = {
	{SECTION_GLOBAL, "paths", "names of paths, as `tailsplice paths` lists them", "all that are usable",
	 "Paths that `path = auto` may choose from."},
	{SECTION_BACKEND, "head", "a duration, 1s to 5m", "10s",
	 "How long a server may take for its greeting."},
};
/* clang-format on */

const struct later_key *later_keys(size_t *count)
{
	*count = ARRAY_LEN(rows);
	return rows;
}

static bool may_stand_in(const struct later_key *row, enum section_kind kind)
{
	return row->kind == kind || (kind == SECTION_DEFAULTS && row->kind > SECTION_DEFAULTS);
}

const struct later_key *later_find(enum section_kind kind, const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		if (may_stand_in(&rows[i], kind) && strcmp(rows[i].name, name) == 0)
			return &rows[i];
	return NULL;
}
