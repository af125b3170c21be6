/* allow and deny: the first byte chooses between their values and the files they name. */
#include "config/rules.h"

#include <string.h>

#include "fuzz.h"

static void read_value(const uint8_t *bytes, size_t size, bool may_say_how)
{
	struct rules r = { 0 };
	char text[512];
	const char *wrong;

	if (size >= sizeof(text))
		return;
	memcpy(text, bytes, size);
	text[size] = '\0';
	wrong = rules_parse(text, may_say_how, &r);
	MUST(wrong ? r.count == 0 : r.count > 0);
	for (size_t i = 0; i < r.count; i++)
		MUST(r.at[i].file ? r.at[i].file[0]
				  : net_contains(&r.at[i].net, &r.at[i].net.base));
	rules_finish(&r);
}

static void read_file(const uint8_t *bytes, size_t size)
{
	char wrong[NETLIST_TEXT];
	int line = 0, got;
	struct netlist l;
	struct net n;

	netlist_start(&l, (const char *)bytes, size);
	while ((got = netlist_next(&l, &n, wrong))) {
		MUST(l.line > line);
		line = l.line;
		MUST(got < 0 ? strlen(wrong) > 0 : net_contains(&n, &n.base));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	if (size == 0)
		return 0;
	if (bytes[0] % 3 == 2)
		read_file(bytes + 1, size - 1);
	else
		read_value(bytes + 1, size - 1, bytes[0] % 3 == 1);
	return 0;
}
