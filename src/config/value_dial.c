#include "config/value_dial.h"

#include <ctype.h>
#include <net/if.h>
#include <string.h>

#include "config/value.h"
#include "config/value_server.h"

const char *value_device(const char *text)
{
	size_t len = strlen(text);

	if (len == 0 || len >= IF_NAMESIZE || strcmp(text, ".") == 0 || strcmp(text, "..") == 0)
		return "auto, any, or the name of an interface (1 to 15 characters)";
	for (const char *p = text; *p; p++)
		if (isspace((unsigned char)*p) || *p == '/' || *p == ':')
			return "auto, any, or the name of an interface";
	return NULL;
}

const char *value_source(const char *text, struct addrs *out)
{
	size_t before = out->count;
	const char *wrong = value_addrs(text, out);

	for (size_t i = 0; i < out->count && !wrong; i++)
		for (size_t k = 0; k < i; k++)
			if (out->at[i].sa.sa_family == out->at[k].sa.sa_family)
				wrong = "one address of this machine, or one of each family";
	for (size_t i = 0; i < out->count && !wrong; i++)
		if (addr_is_any(&out->at[i]))
			wrong = "an address of this machine; without `source` the kernel chooses";
	if (wrong)
		out->count = before;
	return wrong;
}

#define SOCKS_SCHEME "socks5://"
#define VIA_EXPECTED \
	"socks5://HOST:PORT or socks5://USER:PASSWORD@HOST:PORT, where HOST is an IP address or a host name"

static int hex(char c)
{
	return isdigit((unsigned char)c)    ? c - '0'
	       : isxdigit((unsigned char)c) ? tolower(c) - 'a' + 10
					    : -1;
}

/* Without %XX; false when one is broken, is NUL, or when there is nothing or too much (RFC 1929 2). */
static bool decode(const char *text, size_t len, char out[static 256])
{
	size_t used = 0;

	for (size_t i = 0; i < len; i++) {
		char c = text[i];

		if (c == '%') {
			if (i + 2 >= len || hex(text[i + 1]) < 0 || hex(text[i + 2]) < 0)
				return false;
			c = (char)(hex(text[i + 1]) * 16 + hex(text[i + 2]));
			i += 2;
		}
		if (!c || used == 255)
			return false;
		out[used++] = c;
	}
	out[used] = '\0';
	return used > 0;
}

/* The address, or only its port; then `host` is a name. */
static bool read_proxy(const char *text, struct addr *out, char host[static 256])
{
	const char *colon = strrchr(text, ':');
	uint64_t port;
	size_t len = colon ? (size_t)(colon - text) : 0;

	if (!colon || len > 255 || value_number(colon + 1, 1, 65535, false, &port))
		return false;
	memcpy(host, text, len);
	host[len] = '\0';
	/* An IPv6 address without brackets would swallow the port. */
	if (strchr(host, ':') && host[0] != '[')
		return false;
	*out = (struct addr){ 0 };
	addr_set_port(out, (uint16_t)port);
	return addr_parse(out, strcmp(host, "localhost") == 0 ? "127.0.0.1" : host,
			  (uint16_t)port) ||
	       value_is_host_name(host);
}

const char *value_via(const char *text, struct via_conf *out)
{
	const char *place = text + strlen(SOCKS_SCHEME), *at, *colon;
	char user[256], password[256], host[256];
	struct addr proxy;

	if (strncmp(text, SOCKS_SCHEME, strlen(SOCKS_SCHEME)) != 0)
		return VIA_EXPECTED;
	at = strrchr(place, '@');
	colon = at ? memchr(place, ':', (size_t)(at - place)) : NULL;
	if (!read_proxy(at ? at + 1 : place, &proxy, host) || (at && !colon))
		return VIA_EXPECTED;
	if (at && (!decode(place, (size_t)(colon - place), user) ||
		   !decode(colon + 1, (size_t)(at - colon - 1), password)))
		return "socks5://USER:PASSWORD@HOST:PORT with 1 to 255 bytes for each of both, and %XX for "
		       "'%', ':', '@' and '/'";
	value_replace(&out->host, at ? at + 1 : place);
	out->at = proxy;
	if (proxy.sa.sa_family == AF_UNSPEC)
		value_replace(&out->name, host);
	if (at) {
		value_replace(&out->user, user);
		value_replace(&out->password, password);
	}
	return NULL;
}
