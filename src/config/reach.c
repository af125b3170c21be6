#include "config/reach.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/bits.h"
#include "base/log.h"
#include "base/prefixes.h"
#include "config/model.h"

static const struct {
	const char *net;
	enum reach reach;
} networks[] = {
	{ "127.0.0.0/8", REACH_LOOPBACK },   { "::1", REACH_LOOPBACK },
	{ "100.64.0.0/10", REACH_TAILNET },  { "fd7a:115c:a1e0::/48", REACH_TAILNET },
	{ "10.0.0.0/8", REACH_PRIVATE },     { "172.16.0.0/12", REACH_PRIVATE },
	{ "192.168.0.0/16", REACH_PRIVATE }, { "169.254.0.0/16", REACH_PRIVATE },
	{ "fc00::/7", REACH_PRIVATE },	     { "fe80::/10", REACH_PRIVATE },
};

static const struct {
	const char *end;
	enum reach reach;
} names[] = {
	{ ".localhost", REACH_LOOPBACK }, { ".ts.net", REACH_TAILNET },
	{ ".local", REACH_PRIVATE },	  { ".home.arpa", REACH_PRIVATE },
	{ ".internal", REACH_PRIVATE },	  { ".lan", REACH_PRIVATE },
};

static struct prefixes *known; /* value: a reach, and one */

static void learn(void)
{
	struct prefix at[ARRAY_LEN(networks)];

	for (size_t i = 0; i < ARRAY_LEN(networks); i++) {
		at[i].value = 1 + networks[i].reach;
		if (net_parse(&at[i].net, networks[i].net) < 0)
			panic("%s is no network", networks[i].net);
	}
	qsort(at, ARRAY_LEN(at), sizeof(*at), prefix_compare);
	known = prefixes_make(at, ARRAY_LEN(at), NULL);
}

enum reach reach_of_addr(const struct addr *a)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	uint64_t found;

	/* Asked for each client. */
	pthread_once(&once, learn);
	found = prefixes_find(known, a);
	return found ? (enum reach)(found - 1) : REACH_PUBLIC;
}

enum reach reach_of_host(const char *host)
{
	size_t len = strlen(host), end;
	struct addr a;

	if (addr_parse(&a, host, 0))
		return reach_of_addr(&a);
	if (server_node(host))
		return REACH_TAILNET;
	if (len && host[len - 1] == '.')
		len--;
	if (strncasecmp(host, "localhost", max_of(len, sizeof("localhost") - 1)) == 0)
		return REACH_LOOPBACK;
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		end = strlen(names[i].end);
		if (len > end && strncasecmp(host + len - end, names[i].end, end) == 0)
			return names[i].reach;
	}
	return REACH_PUBLIC;
}
