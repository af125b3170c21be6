/* The closed list of reasons, as operators know it. */
#include "edge/why.h"

#include "base/bits.h"
#include "check.h"

Test(why, list_and_order)
{
	static const char *const names[] = {
		"client-eof",	   "server-eof",   "client-reset",
		"server-reset",	   "idle",	   "half-closed",
		"head-timeout",	   "no-address",   "connect-refused",
		"connect-timeout", "backend-down", "denied",
		"limit-source",	   "limit-rate",   "limit-flows",
		"bad-proxy",	   "no-route",	   "drain",
		"reload",	   "killed",	   "error",
	};

	expect_num(WHY_COUNT - 1, ARRAY_LEN(names), "reasons");
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		enum why w = (enum why)(i + 1);

		expect_str(why_name(w), names[i], "name");
		cr_expect(why_help(w) && strlen(why_help(w)) > 10, "%s: help", names[i]);
	}
	expect_str(why_name(WHY_NONE), "-", "it goes on");
}
