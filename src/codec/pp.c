#include "codec/pp.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "codec/tlv.h"

static const uint8_t v2_signature[12] = { 0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d,
					  0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a };

enum { V2_LOCAL = 0x20, V2_PROXY = 0x21, V2_TCP4 = 0x11, V2_TCP6 = 0x21 };

/* Bytes of the address block: two addresses and two ports. */
enum { V2_BLOCK4 = 12, V2_BLOCK6 = 36 };

static struct addr mapped(const struct addr *a)
{
	struct addr out = { .v6 = { .sin6_family = AF_INET6, .sin6_port = a->v4.sin_port } };

	if (a->sa.sa_family == AF_INET6)
		return *a;
	out.v6.sin6_addr.s6_addr[10] = out.v6.sin6_addr.s6_addr[11] = 0xff;
	memcpy(&out.v6.sin6_addr.s6_addr[12], &a->v4.sin_addr, 4);
	return out;
}

static size_t write_v1(const struct addr *src, const struct addr *dst, uint8_t *out)
{
	char from[INET6_ADDRSTRLEN], to[INET6_ADDRSTRLEN];
	bool six = src->sa.sa_family == AF_INET6;
	const void *a = six ? (const void *)&src->v6.sin6_addr : &src->v4.sin_addr;
	const void *b = six ? (const void *)&dst->v6.sin6_addr : &dst->v4.sin_addr;
	int n;

	inet_ntop(src->sa.sa_family, a, from, sizeof(from));
	inet_ntop(dst->sa.sa_family, b, to, sizeof(to));
	n = snprintf((char *)out, PP_WRITE_MAX, "PROXY TCP%c %s %s %u %u\r\n", six ? '6' : '4',
		     from, to, addr_port(src), addr_port(dst));
	return (size_t)n;
}

static size_t write_v2(const struct addr *src, const struct addr *dst, uint8_t *out)
{
	bool six = src->sa.sa_family == AF_INET6;
	uint8_t *p = out + PP_V2_PREFIX;

	memcpy(out, v2_signature, sizeof(v2_signature));
	out[12] = V2_PROXY;
	out[13] = six ? V2_TCP6 : V2_TCP4;
	out[14] = 0;
	out[15] = six ? V2_BLOCK6 : V2_BLOCK4;
	if (six) {
		memcpy(p, &src->v6.sin6_addr, 16);
		memcpy(p + 16, &dst->v6.sin6_addr, 16);
		memcpy(p + 32, &src->v6.sin6_port, 2);
		memcpy(p + 34, &dst->v6.sin6_port, 2);
	} else {
		memcpy(p, &src->v4.sin_addr, 4);
		memcpy(p + 4, &dst->v4.sin_addr, 4);
		memcpy(p + 8, &src->v4.sin_port, 2);
		memcpy(p + 10, &dst->v4.sin_port, 2);
	}
	return PP_V2_PREFIX + out[15];
}

size_t pp_write(enum pp_version version, const struct addr *src, const struct addr *dst,
		uint8_t out[static PP_WRITE_MAX])
{
	struct addr from = *src, to = *dst;

	if (version == PP_OFF)
		return 0;
	addr_fold(&from);
	addr_fold(&to);
	if (from.sa.sa_family != to.sa.sa_family) {
		from = mapped(&from);
		to = mapped(&to);
	}
	return version == PP_V1 ? write_v1(&from, &to, out) : write_v2(&from, &to, out);
}

void pp_write_local(uint8_t out[static PP_V2_PREFIX])
{
	memset(out, 0, PP_V2_PREFIX);
	memcpy(out, v2_signature, sizeof(v2_signature));
	out[12] = V2_LOCAL;
}

/* A port as section 2.1 wants it: decimal, no sign, no leading zero, at most 65535. */
static bool read_port(const char *text, uint16_t *port)
{
	char *end;
	unsigned long n;

	if (text[0] < '0' || text[0] > '9' || (text[0] == '0' && text[1]))
		return false;
	n = strtoul(text, &end, 10);
	*port = (uint16_t)n;
	return *end == '\0' && n <= 65535;
}

static bool read_v1_address(int family, const char *host, const char *port, struct addr *a)
{
	uint16_t number;

	*a = (struct addr){ .sa.sa_family = (sa_family_t)family };
	if (inet_pton(family, host,
		      family == AF_INET ? (void *)&a->v4.sin_addr : &a->v6.sin6_addr) != 1)
		return false;
	if (!read_port(port, &number))
		return false;
	addr_set_port(a, number);
	return true;
}

/* `text`: the words after "PROXY ", without the line's end. */
static bool read_v1_words(char *text, struct pp *out)
{
	char *word[5], *rest = text;
	int family;

	if (strncmp(text, "UNKNOWN", 7) == 0 && (text[7] == ' ' || text[7] == '\0')) {
		out->local = 1;
		return true;
	}
	for (size_t i = 0; i < 5; i++)
		word[i] = strsep(&rest, " ");
	if (rest || !word[4])
		return false;
	if (strcmp(word[0], "TCP4") == 0)
		family = AF_INET;
	else if (strcmp(word[0], "TCP6") == 0)
		family = AF_INET6;
	else
		return false;
	return read_v1_address(family, word[1], word[3], &out->src) &&
	       read_v1_address(family, word[2], word[4], &out->dst);
}

static int parse_v1(const uint8_t *p, size_t n, struct pp *out)
{
	static const char start[] = "PROXY ";
	const uint8_t *end;
	char text[PP_WRITE_MAX + 1];
	size_t len;

	if (memcmp(p, start, min_of(n, sizeof(start) - 1)) != 0)
		return -EPROTO;
	end = memchr(p, '\n', min_of(n, (size_t)PP_WRITE_MAX));
	if (!end)
		return n < PP_WRITE_MAX ? 0 : -EPROTO;
	len = (size_t)(end - p) + 1;
	if (len < sizeof(start) + 1 || p[len - 2] != '\r' || memchr(p, '\0', len))
		return -EPROTO;
	memcpy(text, p, len);
	text[len - 2] = '\0';
	out->version = PP_V1;
	return read_v1_words(text + sizeof(start) - 1, out) ? (int)len : -EPROTO;
}

static size_t block_len(uint8_t family)
{
	return family == V2_TCP4 ? V2_BLOCK4 : family == V2_TCP6 ? V2_BLOCK6 : 0;
}

/* The TLVs of a header with IP addresses. False: they, or their sum, are wrong. */
static bool read_v2_tlvs(const uint8_t *header, size_t len, struct pp *out)
{
	out->tlvs = PP_V2_PREFIX + block_len(header[13]);
	out->tlvs_len = len - out->tlvs;
	return tlv_valid(header + out->tlvs, out->tlvs_len) &&
	       tlv_sum_holds(header, len, out->tlvs, out->tlvs_len);
}

static void read_v2_block(const uint8_t *p, uint8_t family, size_t len, struct pp *out)
{
	if (family == V2_TCP4 && len >= V2_BLOCK4) {
		out->src.sa.sa_family = out->dst.sa.sa_family = AF_INET;
		memcpy(&out->src.v4.sin_addr, p, 4);
		memcpy(&out->dst.v4.sin_addr, p + 4, 4);
		memcpy(&out->src.v4.sin_port, p + 8, 2);
		memcpy(&out->dst.v4.sin_port, p + 10, 2);
	} else if (family == V2_TCP6 && len >= V2_BLOCK6) {
		out->src.sa.sa_family = out->dst.sa.sa_family = AF_INET6;
		memcpy(&out->src.v6.sin6_addr, p, 16);
		memcpy(&out->dst.v6.sin6_addr, p + 16, 16);
		memcpy(&out->src.v6.sin6_port, p + 32, 2);
		memcpy(&out->dst.v6.sin6_port, p + 34, 2);
	}
}

static int parse_v2(const uint8_t *p, size_t n, struct pp *out)
{
	size_t len;

	if (memcmp(p, v2_signature, min_of(n, sizeof(v2_signature))) != 0)
		return -EPROTO;
	if (n > 12 && p[12] != V2_LOCAL && p[12] != V2_PROXY)
		return -EPROTO;
	if (n < PP_V2_PREFIX)
		return 0;
	len = (size_t)p[14] << 8 | p[15];
	if (p[12] == V2_PROXY && len < block_len(p[13]))
		return -EPROTO;
	if (n < PP_V2_PREFIX + len)
		return 0;
	out->version = PP_V2;
	out->local = p[12] == V2_LOCAL;
	if (!out->local)
		read_v2_block(p + PP_V2_PREFIX, p[13], len, out);
	if (out->src.sa.sa_family != AF_UNSPEC && !read_v2_tlvs(p, PP_V2_PREFIX + len, out))
		return -EPROTO;
	return (int)(PP_V2_PREFIX + len);
}

int pp_begins(const uint8_t *p, size_t n)
{
	static const char text[] = "PROXY ";
	bool binary = n && p[0] == v2_signature[0];
	const void *start = binary ? (const void *)v2_signature : text;
	size_t len = binary ? sizeof(v2_signature) : sizeof(text) - 1;

	if (n == 0)
		return 0;
	if (memcmp(p, start, min_of(n, len)) != 0)
		return -EPROTO;
	return n >= len ? (int)len : 0;
}

int pp_parse(const uint8_t *p, size_t n, struct pp *out)
{
	*out = (struct pp){ 0 };
	if (n == 0)
		return 0;
	return p[0] == v2_signature[0] ? parse_v2(p, n, out) : parse_v1(p, n, out);
}
