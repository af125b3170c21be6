#include "backend/resolve.h"

#include <netdb.h>

size_t resolve_host(const char *host, uint16_t port, struct addr *out, size_t max, const char **why)
{
	const struct addrinfo hints = { .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM };
	struct addrinfo *found = NULL;
	size_t n = 0;
	int err;

	if (addr_parse(&out[0], host, port))
		return 1;
	err = getaddrinfo(host, NULL, &hints, &found);
	if (err) {
		*why = gai_strerror(err);
		return 0;
	}
	for (const struct addrinfo *ai = found; ai && n < max; ai = ai->ai_next) {
		addr_from_sockaddr(&out[n], ai->ai_addr);
		if (out[n].sa.sa_family == AF_UNSPEC)
			continue;
		addr_set_port(&out[n++], port);
	}
	freeaddrinfo(found);
	*why = "no address";
	return n;
}
