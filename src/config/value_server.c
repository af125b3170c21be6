#include "config/value_server.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "config/value.h"

/* The longest host name (RFC 1035 2.3.4) and a port. */
#define HOST_MAX 253

static _Thread_local char expected[200];

static const char *expect(const char *shape, int n, const char *word)
{
	snprintf(expected, sizeof(expected), shape, n, word);
	return expected;
}

static bool read_port(const char *text, uint16_t *out)
{
	uint64_t n;

	if (value_number(text, 1, 65535, false, &n))
		return false;
	*out = (uint16_t)n;
	return true;
}

/* A host name's shape (RFC 1123 2.1), with '_' as some networks use it. */
bool value_is_host_name(const char *text)
{
	size_t len = strlen(text);

	if (len == 0 || len > HOST_MAX || text[0] == '-' || text[0] == '.' || strstr(text, ".."))
		return false;
	for (size_t i = 0; i < len; i++)
		if (!isalnum((unsigned char)text[i]) && !strchr("-_.", text[i]))
			return false;
	/* All digits and dots is an address with a typo, not a name. */
	return strspn(text, "0123456789.") < len;
}

/* A literal, a name, or a node of the tailnet by the name that tailscaled knows. */
static const char *check_host(const char *host)
{
	const char *node = server_node(host);
	struct addr a;

	if (node)
		return value_is_host_name(node)
			       ? NULL
			       : "tailnet:NODE, where NODE is a machine as `tailscale status` names it";
	if (addr_parse(&a, host, 0) || value_is_host_name(host))
		return NULL;
	return "HOST or HOST:PORT, where HOST is an IP address, a host name or tailnet:NODE";
}

/* The colon before a port; a bare IPv6 literal is all colons and no port, tailnet: has one of its own. */
static const char *find_port(const char *text)
{
	const char *node = server_node(text);
	struct addr a;

	return addr_parse(&a, text, 0) ? NULL : strrchr(node ? node : text, ':');
}

static const char *read_place(const char *text, struct server_conf *out, char *host, size_t size)
{
	const char *colon = find_port(text);
	size_t len = colon ? (size_t)(colon - text) : strlen(text);

	if (colon && !read_port(colon + 1, &out->port))
		return "a port from 1 to 65535 behind the last ':' (an IPv6 address with a port "
		       "needs brackets: [2001:db8::1]:25)";
	if (len >= size)
		return "HOST or HOST:PORT of at most 253 characters";
	memcpy(host, text, len);
	host[len] = '\0';
	return check_host(host);
}

static const char *read_server_option(const char *word, struct server_conf *out)
{
	uint64_t weight;

	if (strcmp(word, "backup") == 0) {
		out->backup = true;
		return NULL;
	}
	if (strncmp(word, "weight=", 7) == 0 &&
	    !value_number(word + 7, 1, SERVER_WEIGHT_MAX, false, &weight)) {
		out->weight = (uint16_t)weight;
		return NULL;
	}
	return expect("HOST[:PORT], then weight=1 to weight=%d or backup, not '%.32s'",
		      SERVER_WEIGHT_MAX, word);
}

static const char *read_server(char *rest, struct server_conf *out, char *host, size_t size)
{
	const char *wrong = read_place(strsep(&rest, " \t"), out, host, size);
	char *word;

	while (!wrong && (word = strsep(&rest, " \t")))
		if (*word)
			wrong = read_server_option(word, out);
	return wrong;
}

const char *value_server(const char *text, struct servers *out)
{
	struct server_conf server = { .weight = 1 };
	char host[sizeof(SERVER_TAILNET) + HOST_MAX + 2], *copy = memory_text(text, strlen(text));
	const char *wrong = read_server(copy, &server, host, sizeof(host));

	free(copy);
	if (wrong)
		return wrong;
	if (out->count == BACKEND_SERVERS_MAX)
		return expect("at most %d servers in one backend", BACKEND_SERVERS_MAX, "");
	server.host = memory_text(host, strlen(host));
	out->at = memory_grow(out->at, out->count, sizeof(*out->at));
	out->at[out->count++] = server;
	return NULL;
}

/* A client that waits longer has given up. */
#define HOLD_MIN 1000
#define HOLD_MAX 300000

const char *value_on_down(const char *text, struct on_down_conf *out)
{
	size_t word = strcspn(text, " \t"), span = word + strspn(text + word, " \t");
	struct on_down_conf c = { 0 };

	if (strcmp(text, "smtp-421") == 0)
		c.kind = ON_DOWN_SMTP_421;
	else if (span > word && word == 4 && strncmp(text, "hold", word) == 0 &&
		 !value_duration(text + span, HOLD_MIN, HOLD_MAX, &c.hold))
		c.kind = ON_DOWN_HOLD;
	else if (strcmp(text, "reset") != 0)
		return "reset, smtp-421, or hold with a time from 1s to 5m (hold 20s)";
	*out = c;
	return NULL;
}
