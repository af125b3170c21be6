#include "edge/gateways.h"

#include <ifaddrs.h>
#include <net/if.h>
#include <net/route.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"

#define ROUTES4 "/proc/net/route"
#define ROUTES6 "/proc/net/ipv6_route"

struct found {
	struct prefix *at;
	size_t count;
};

static void add(struct found *f, const struct addr *a)
{
	char host[ADDR_TEXT];
	struct net net;

	/* A link-local address has a scope, and is no client's anyway. */
	if (net_parse(&net, addr_format_host(a, host)) < 0)
		return;
	f->at = memory_grow(f->at, f->count, sizeof(*f->at));
	f->at[f->count++] = (struct prefix){ .net = net, .value = 1 };
}

/* sysfs: net/bridge/br_sysfs_br.c. */
static bool is_bridge(const char *interface)
{
	char path[sizeof("/sys/class/net//bridge") + IF_NAMESIZE];

	snprintf(path, sizeof(path), "/sys/class/net/%.*s/bridge", IF_NAMESIZE, interface);
	return access(path, F_OK) == 0;
}

static void add_bridges(struct found *f)
{
	struct ifaddrs *all;
	struct addr a;

	if (getifaddrs(&all) < 0)
		return;
	for (struct ifaddrs *i = all; i; i = i->ifa_next) {
		if (!i->ifa_addr || !is_bridge(i->ifa_name))
			continue;
		addr_from_sockaddr(&a, i->ifa_addr);
		addr_set_port(&a, 0);
		if (a.sa.sa_family != AF_UNSPEC)
			add(f, &a);
	}
	freeifaddrs(all);
}

/* "eth0 00000000 0101A8C0 0003 …", each number as it lies in memory. */
static void add_route4(struct found *f, const char *line)
{
	struct addr a = { .v4.sin_family = AF_INET };
	unsigned target, gateway, flags;

	if (sscanf(line, "%*s %x %x %x", &target, &gateway, &flags) != 3 || target ||
	    !(flags & RTF_GATEWAY))
		return;
	a.v4.sin_addr.s_addr = gateway;
	add(f, &a);
}

/* Target and its bits, source and its bits, gateway, … */
static void add_route6(struct found *f, const char *line)
{
	struct addr a = { .v6.sin6_family = AF_INET6 };
	char target[33], gateway[33];
	unsigned bits;

	if (sscanf(line, "%32s %x %*s %*s %32s", target, &bits, gateway) != 3 || bits ||
	    strlen(gateway) != 32)
		return;
	for (size_t i = 0; i < 16; i++)
		sscanf(gateway + 2 * i, "%2hhx", &a.v6.sin6_addr.s6_addr[i]);
	if (!addr_is_any(&a))
		add(f, &a);
}

static void add_routes(struct found *f, const char *file,
		       void (*add_route)(struct found *f, const char *line))
{
	FILE *in = fopen(file, "re");
	char line[300];

	while (in && fgets(line, sizeof(line), in))
		add_route(f, line);
	if (in)
		fclose(in);
}

struct prefixes *gateways_find(void)
{
	struct found f = { 0 };
	struct prefixes *p;

	add_bridges(&f);
	add_routes(&f, ROUTES4, add_route4);
	add_routes(&f, ROUTES6, add_route6);
	if (f.count)
		qsort(f.at, f.count, sizeof(*f.at), prefix_compare);
	p = prefixes_make(f.at, f.count, NULL);
	free(f.at);
	return p;
}
