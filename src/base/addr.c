#include "base/addr.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>

bool addr_parse(struct addr *a, const char *text, uint16_t port)
{
	const struct addrinfo hints = { .ai_flags = AI_NUMERICHOST, .ai_socktype = SOCK_STREAM };
	struct addrinfo *found;
	char bare[ADDR_TEXT];
	size_t len = strlen(text);

	if (len == 0 || len >= sizeof(bare))
		return false;
	/* inet_aton(3) shorthands such as "25" or "127.1" are typing errors here. */
	if (!strchr(text, ':') && inet_pton(AF_INET, text, bare) != 1)
		return false;
	if (text[0] == '[') {
		if (text[len - 1] != ']')
			return false;
		memcpy(bare, text + 1, len - 2);
		bare[len - 2] = '\0';
	} else {
		memcpy(bare, text, len + 1);
	}
	if (getaddrinfo(bare, NULL, &hints, &found) != 0)
		return false;
	addr_from_sockaddr(a, found->ai_addr);
	addr_set_port(a, port);
	freeaddrinfo(found);
	return true;
}

void addr_from_sockaddr(struct addr *a, const struct sockaddr *sa)
{
	*a = (struct addr){ 0 };
	if (sa->sa_family == AF_INET)
		memcpy(&a->v4, sa, sizeof(a->v4));
	else if (sa->sa_family == AF_INET6)
		memcpy(&a->v6, sa, sizeof(a->v6));
}

socklen_t addr_len(const struct addr *a)
{
	return a->sa.sa_family == AF_INET6 ? sizeof(a->v6) : sizeof(a->v4);
}

uint16_t addr_port(const struct addr *a)
{
	return ntohs(a->sa.sa_family == AF_INET6 ? a->v6.sin6_port : a->v4.sin_port);
}

void addr_set_port(struct addr *a, uint16_t port)
{
	if (a->sa.sa_family == AF_INET6)
		a->v6.sin6_port = htons(port);
	else
		a->v4.sin_port = htons(port);
}

bool addr_equal(const struct addr *a, const struct addr *b)
{
	if (a->sa.sa_family != b->sa.sa_family || addr_port(a) != addr_port(b))
		return false;
	if (a->sa.sa_family == AF_INET6)
		return memcmp(&a->v6.sin6_addr, &b->v6.sin6_addr, sizeof(a->v6.sin6_addr)) == 0 &&
		       a->v6.sin6_scope_id == b->v6.sin6_scope_id;
	return a->v4.sin_addr.s_addr == b->v4.sin_addr.s_addr;
}

bool addr_is_any(const struct addr *a)
{
	if (a->sa.sa_family == AF_INET6)
		return IN6_IS_ADDR_UNSPECIFIED(&a->v6.sin6_addr);
	return a->v4.sin_addr.s_addr == htonl(INADDR_ANY);
}

void addr_fold(struct addr *a)
{
	struct sockaddr_in v4 = { .sin_family = AF_INET };

	if (a->sa.sa_family != AF_INET6 || !IN6_IS_ADDR_V4MAPPED(&a->v6.sin6_addr))
		return;
	v4.sin_port = a->v6.sin6_port;
	memcpy(&v4.sin_addr, &a->v6.sin6_addr.s6_addr[12], sizeof(v4.sin_addr));
	*a = (struct addr){ .v4 = v4 };
}

char *addr_format_host(const struct addr *a, char out[static ADDR_TEXT])
{
	char name[IF_NAMESIZE];
	size_t used;

	strcpy(out, "-");
	if (a->sa.sa_family == AF_INET) {
		inet_ntop(AF_INET, &a->v4.sin_addr, out, ADDR_TEXT);
	} else if (a->sa.sa_family == AF_INET6) {
		inet_ntop(AF_INET6, &a->v6.sin6_addr, out, ADDR_TEXT);
		used = strlen(out);
		if (a->v6.sin6_scope_id && if_indextoname(a->v6.sin6_scope_id, name))
			snprintf(out + used, ADDR_TEXT - used, "%%%s", name);
	}
	return out;
}

char *addr_format(const struct addr *a, char out[static ADDR_TEXT])
{
	char host[ADDR_TEXT];

	addr_format_host(a, host);
	if (a->sa.sa_family == AF_INET6)
		snprintf(out, ADDR_TEXT, "[%.70s]:%u", host, addr_port(a));
	else if (a->sa.sa_family == AF_INET)
		snprintf(out, ADDR_TEXT, "%.70s:%u", host, addr_port(a));
	else
		strcpy(out, "-");
	return out;
}

static bool read_name(int fd, int (*call)(int, struct sockaddr *, socklen_t *), struct addr *out)
{
	struct sockaddr_storage name;
	socklen_t len = sizeof(name);

	*out = (struct addr){ 0 };
	if (call(fd, (struct sockaddr *)&name, &len) < 0)
		return false;
	addr_from_sockaddr(out, (struct sockaddr *)&name);
	addr_fold(out);
	return true;
}

bool addr_of_peer(int fd, struct addr *a)
{
	return read_name(fd, getpeername, a);
}

bool addr_of_socket(int fd, struct addr *a)
{
	return read_name(fd, getsockname, a);
}
