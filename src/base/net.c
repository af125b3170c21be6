#include "base/net.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bits.h"

static unsigned width(const struct addr *a)
{
	return a->sa.sa_family == AF_INET ? 32 : 128;
}

void net_key(const struct addr *a, uint8_t key[static 16])
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };

	if (a->sa.sa_family == AF_INET) {
		memcpy(key, mapped, sizeof(mapped));
		memcpy(key + sizeof(mapped), &a->v4.sin_addr, 4);
	} else {
		memcpy(key, &a->v6.sin6_addr, 16);
	}
}

static uint8_t *bytes_of(struct addr *a)
{
	return a->sa.sa_family == AF_INET ? (uint8_t *)&a->v4.sin_addr
					  : (uint8_t *)&a->v6.sin6_addr;
}

/* True when a bit was set that does not count. */
static bool clear_host_bits(struct net *n)
{
	uint8_t *at = bytes_of(&n->base);
	bool any = false;

	for (unsigned bit = n->bits; bit < width(&n->base); bit++) {
		uint8_t mask = (uint8_t)(0x80 >> bit % 8);

		any |= at[bit / 8] & mask;
		at[bit / 8] &= (uint8_t)~mask;
	}
	return any;
}

static bool read_bits(const char *text, unsigned most, uint8_t *out)
{
	size_t len = strlen(text);

	if (len == 0 || len > 3 || strspn(text, "0123456789") != len || atoi(text) > (int)most)
		return false;
	*out = (uint8_t)atoi(text);
	return true;
}

int net_parse(struct net *out, const char *text)
{
	size_t len = strcspn(text, "/");
	char host[ADDR_TEXT];
	struct net n;

	/* A scope would be lost in the comparison. */
	if (len >= sizeof(host) || memchr(text, '%', len) || memchr(text, '[', len))
		return -EINVAL;
	memcpy(host, text, len);
	host[len] = '\0';
	if (!addr_parse(&n.base, host, 0))
		return -EINVAL;
	n.bits = (uint8_t)width(&n.base);
	if (text[len] && !read_bits(text + len + 1, width(&n.base), &n.bits))
		return -EINVAL;
	if (n.base.sa.sa_family == AF_INET6 && n.bits >= 96) {
		addr_fold(&n.base);
		n.bits = (uint8_t)(n.base.sa.sa_family == AF_INET ? n.bits - 96 : n.bits);
	}
	*out = n;
	return clear_host_bits(out) ? -EDOM : 0;
}

char *net_format(const struct net *n, char out[static NET_TEXT])
{
	char host[ADDR_TEXT];

	addr_format_host(&n->base, host);
	if (n->bits == width(&n->base))
		snprintf(out, NET_TEXT, "%s", host);
	else
		snprintf(out, NET_TEXT, "%s/%u", host, n->bits);
	return out;
}

bool net_contains(const struct net *n, const struct addr *a)
{
	struct net one = { .base = *a };

	if (a->sa.sa_family != AF_INET && a->sa.sa_family != AF_INET6)
		return false;
	addr_fold(&one.base);
	one.bits = (uint8_t)width(&one.base);
	return net_covers(n, &one);
}

bool net_covers(const struct net *outer, const struct net *inner)
{
	struct net n = *inner;

	if (outer->base.sa.sa_family != inner->base.sa.sa_family || outer->bits > inner->bits)
		return false;
	n.bits = outer->bits;
	clear_host_bits(&n);
	return net_equal(outer, &n);
}

bool net_equal(const struct net *a, const struct net *b)
{
	uint8_t x[16], y[16];

	net_key(&a->base, x);
	net_key(&b->base, y);
	return a->base.sa.sa_family == b->base.sa.sa_family && a->bits == b->bits &&
	       memcmp(x, y, sizeof(x)) == 0;
}
