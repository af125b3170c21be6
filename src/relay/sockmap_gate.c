#include "relay/sockmap_gate.h"

#include <stdio.h>
#include <string.h>

#include "base/bits.h"

/* The first of each series that got the fixes. What is between them never did. */
static const struct {
	unsigned major, minor, patch;
} first_good[] = { { 6, 1, 142 }, { 6, 6, 94 }, { 6, 12, 34 }, { 6, 15, 3 } };

static bool is_good(unsigned major, unsigned minor, unsigned patch)
{
	if (major > 6 || (major == 6 && minor >= 16))
		return true;
	for (size_t i = 0; i < ARRAY_LEN(first_good); i++)
		if (first_good[i].major == major && first_good[i].minor == minor)
			return patch >= first_good[i].patch;
	return false;
}

bool sockmap_gate(const char *release, const char *version)
{
	const char *debian = strstr(version, "Debian ");
	unsigned major, minor, patch = 0;

	if (debian && sscanf(debian, "Debian %u.%u.%u", &major, &minor, &patch) == 3)
		return is_good(major, minor, patch);
	if (sscanf(release, "%u.%u.%u", &major, &minor, &patch) < 2)
		return false;
	return is_good(major, minor, patch);
}
