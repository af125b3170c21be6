/* One value of the configuration: the first byte chooses the kind. */
#include "config/value.h"

#include <string.h>

#include "config/value_dial.h"
#include "config/value_server.h"
#include "fuzz.h"

static void read_lists(const char *text, uint8_t kind)
{
	struct port_maps ports = { 0 };
	struct addrs addrs = { 0 };

	if (kind == 0 && !value_ports(text, &ports))
		for (size_t i = 0; i < ports.count; i++)
			MUST(ports.at[i].from && ports.at[i].to);
	if (kind == 1 && !value_addrs(text, &addrs))
		MUST(addrs.count > 0);
	free(ports.at);
	free(addrs.at);
}

static void read_names(const char *text, uint8_t kind)
{
	struct target target = { 0 };
	struct servers servers = { 0 };
	struct on_down_conf down;

	if (kind == 2 && !value_target(text, &target))
		MUST(target.name[0]);
	if (kind == 3 && !value_server(text, &servers)) {
		MUST(servers.count == 1 && servers.at[0].host[0]);
		free(servers.at[0].host);
	}
	if (kind == 3 && !value_on_down(text, &down))
		MUST((down.kind == ON_DOWN_HOLD) == (down.hold != 0));
	free(target.name);
	free(servers.at);
}

static void read_dial(const char *text)
{
	struct addrs source = { 0 };
	struct via_conf via = { 0 };

	if (!value_source(text, &source))
		MUST(source.count == 1 || source.count == 2);
	if (!value_via(text, &via))
		MUST(addr_port(&via.at) && !via.user == !via.password);
	if (!value_device(text))
		MUST(strlen(text) < 16);
	free(source.at);
	free(via.host);
	free(via.name);
	free(via.user);
	free(via.password);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	char text[512], again[VALUE_DURATION_TEXT];
	msec_t ms, same;
	struct rate rate;
	uint64_t n;

	if (size < 1 || size > sizeof(text))
		return 0;
	memcpy(text, bytes + 1, size - 1);
	text[size - 1] = '\0';
	read_lists(text, bytes[0] % 8);
	read_names(text, bytes[0] % 8);
	if (bytes[0] % 8 == 3)
		read_dial(text);
	if (bytes[0] % 8 == 4 && !value_duration(text, 1, 1u << 31, &ms))
		MUST(!value_duration(value_format_duration(ms, again), 1, 1u << 31, &same) &&
		     same == ms);
	if (bytes[0] % 8 == 5 && !value_number(text, 1, 1000, false, &n))
		MUST(n >= 1 && n <= 1000);
	if (bytes[0] % 8 == 6 && !value_limit(text, 1000, &n))
		MUST(n <= 1000 || n == LIMIT_AUTO);
	if (bytes[0] % 8 == 7 && !value_rate(text, 1000, &rate))
		MUST(rate.count == LIMIT_AUTO || (rate.count <= 1000 && rate.per <= 3600000));
	return 0;
}
