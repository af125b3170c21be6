#include "edge/greeting.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "codec/hello.h"
#include "codec/pp.h"
#include "codec/tlv.h"
#include "edge/machine.h"

/* A header that was taken from a proxy and our own TLVs fit; what would not is left out whole. */
#define ROOM (HEAD_PROXY_MAX + 1024)

static void add(struct greeting *g, enum tlv_type type, const void *value, size_t n)
{
	g->len = tlv_add(g->bytes, g->len, ROOM, type, value, n);
}

/* What the client's ClientHello says. A name in bits of what was added. */
static unsigned add_hello(struct greeting *g, unsigned wanted, const struct head *head)
{
	unsigned added = 0;
	const uint8_t *protocol;
	struct hello hello;
	size_t len;

	if (!(wanted & (PROXY_TLV_AUTHORITY | PROXY_TLV_ALPN)) || !head_rest(head) ||
	    hello_parse(head->bytes + head->proxied, head_rest(head), &hello) <= 0)
		return 0;
	if (wanted & PROXY_TLV_AUTHORITY && hello.name[0]) {
		add(g, TLV_AUTHORITY, hello.name, strlen(hello.name));
		added |= PROXY_TLV_AUTHORITY;
	}
	protocol = hello_only_protocol(&hello, &len);
	if (wanted & PROXY_TLV_ALPN && protocol) {
		add(g, TLV_ALPN, protocol, len);
		added |= PROXY_TLV_ALPN;
	}
	return added;
}

static bool may_pass(uint8_t type, unsigned added)
{
	switch (type) {
	case TLV_SSL:
	case TLV_CRC32C:
	case TLV_NOOP:
		return false;
	case TLV_AUTHORITY:
		return !(added & PROXY_TLV_AUTHORITY);
	case TLV_ALPN:
		return !(added & PROXY_TLV_ALPN);
	case TLV_UNIQUE_ID:
		return !(added & PROXY_TLV_UNIQUE_ID);
	case TLV_NETNS:
		return !(added & PROXY_TLV_NETNS);
	default:
		return true;
	}
}

/* What came in and is not said by ourselves. */
static void pass_through(struct greeting *g, const struct head *head, unsigned added)
{
	const uint8_t *tlvs = head->bytes + head->pp.tlvs;
	size_t at = 0;
	struct tlv t;

	while (tlv_next(tlvs, head->pp.tlvs_len, &at, &t))
		if (may_pass(t.type, added))
			add(g, t.type, t.value, t.len);
}

static void add_tlvs(struct greeting *g, unsigned wanted, uint64_t id, const struct head *head)
{
	unsigned added = head ? add_hello(g, wanted, head) : 0;
	const char *netns = wanted & PROXY_TLV_NETNS ? machine_netns() : NULL;
	char text[24];

	if (wanted & PROXY_TLV_UNIQUE_ID) {
		snprintf(text, sizeof(text), "%08" PRIx64, id);
		add(g, TLV_UNIQUE_ID, text, strlen(text));
		added |= PROXY_TLV_UNIQUE_ID;
	}
	if (netns) {
		add(g, TLV_NETNS, netns, strlen(netns));
		added |= PROXY_TLV_NETNS;
	}
	if (wanted & PROXY_TLV_PASSTHROUGH && head && head->pp.tlvs_len)
		pass_through(g, head, added);
	if (wanted & PROXY_TLV_CRC32C)
		g->len = tlv_add_sum(g->bytes, g->len, ROOM);
}

int greeting_make(struct greeting **out, const struct backend_conf *b, uint64_t id,
		  const struct addr *src, const struct addr *dst, const struct head *head)
{
	bool more = b->send_proxy == PP_V2 && b->proxy_tlv;
	struct greeting *g;

	*out = NULL;
	if (b->send_proxy == PP_OFF)
		return 0;
	g = malloc(sizeof(*g) + (more ? ROOM : PP_WRITE_MAX));
	if (!g)
		return -ENOMEM;
	g->len = pp_write((enum pp_version)b->send_proxy, src, dst, g->bytes);
	if (more)
		add_tlvs(g, b->proxy_tlv, id, head);
	*out = g;
	return 0;
}
