#include "codec/socks.h"

#include <errno.h>
#include <string.h>

#include "base/bits.h"

#define VERSION		 5
#define PASSWORD_VERSION 1
#define COMMAND_CONNECT	 1
#define NOT_ACCEPTABLE	 0xff

enum { TYPE_V4 = 1, TYPE_NAME = 3, TYPE_V6 = 4 };

/* Up to the first byte of the address, which is the length where the address is a name. */
#define CONNECT_HEAD 5

size_t socks_write_greeting(bool password, uint8_t out[static SOCKS_WRITE_MAX])
{
	out[0] = VERSION;
	out[1] = password ? 2 : 1;
	out[2] = SOCKS_METHOD_NONE;
	out[3] = SOCKS_METHOD_PASSWORD;
	return password ? 4 : 3;
}

/* A length and so many bytes. */
static size_t put_text(uint8_t *out, const char *text)
{
	size_t len = min_of(strlen(text), (size_t)SOCKS_TEXT_MAX);

	*out = (uint8_t)len;
	memcpy(out + 1, text, len);
	return 1 + len;
}

size_t socks_write_password(const char *user, const char *password,
			    uint8_t out[static SOCKS_WRITE_MAX])
{
	size_t used = 1;

	out[0] = PASSWORD_VERSION;
	used += put_text(out + used, user);
	return used + put_text(out + used, password);
}

static size_t put_address(uint8_t *out, const char *name, const struct addr *to)
{
	if (name) {
		out[0] = TYPE_NAME;
		return 1 + put_text(out + 1, name);
	}
	if (to->sa.sa_family == AF_INET6) {
		out[0] = TYPE_V6;
		memcpy(out + 1, &to->v6.sin6_addr, 16);
		return 1 + 16;
	}
	out[0] = TYPE_V4;
	memcpy(out + 1, &to->v4.sin_addr, 4);
	return 1 + 4;
}

size_t socks_write_connect(const char *name, const struct addr *to,
			   uint8_t out[static SOCKS_WRITE_MAX])
{
	uint16_t port = addr_port(to);
	size_t used = 3;

	out[0] = VERSION;
	out[1] = COMMAND_CONNECT;
	out[2] = 0;
	used += put_address(out + used, name, to);
	out[used++] = (uint8_t)(port >> 8);
	out[used++] = (uint8_t)port;
	return used;
}

/* 0 with what is missing of `whole` bytes, or `whole`. */
static int whole_of(size_t n, size_t whole, size_t *missing)
{
	*missing = n < whole ? whole - n : 0;
	return n < whole ? 0 : (int)whole;
}

int socks_read_method(const uint8_t *p, size_t n, bool password, enum socks_method *out,
		      size_t *missing)
{
	if (n > 0 && p[0] != VERSION)
		return -EPROTO;
	if (n < 2)
		return whole_of(n, 2, missing);
	if (p[1] == NOT_ACCEPTABLE)
		return -EACCES;
	if (p[1] != SOCKS_METHOD_NONE && !(password && p[1] == SOCKS_METHOD_PASSWORD))
		return -EPROTO;
	*out = (enum socks_method)p[1];
	return 2;
}

int socks_read_password(const uint8_t *p, size_t n, size_t *missing)
{
	if (n > 0 && p[0] != PASSWORD_VERSION)
		return -EPROTO;
	if (n < 2)
		return whole_of(n, 2, missing);
	return p[1] ? -EACCES : 2;
}

/* RFC 1928 6. A general failure is what several proxies say when their own connect failed, whatever
 * the reason was. */
static int error_of_reply(uint8_t reply)
{
	static const int errors[] = {
		0,	    -EHOSTUNREACH, -EACCES,	 -ENETUNREACH, -EHOSTUNREACH, -ECONNREFUSED,
		-ETIMEDOUT, -EOPNOTSUPP,   -EAFNOSUPPORT
	};

	return reply < ARRAY_LEN(errors) ? errors[reply] : -EPROTO;
}

int socks_read_connect(const uint8_t *p, size_t n, size_t *missing)
{
	size_t address;
	int error;

	if ((n > 0 && p[0] != VERSION) || (n > 2 && p[2] != 0))
		return -EPROTO;
	/* One that failed need not be whole: some send nothing more. */
	error = n > 1 ? error_of_reply(p[1]) : 0;
	if (error)
		return error;
	if (n < CONNECT_HEAD)
		return whole_of(n, CONNECT_HEAD, missing);
	if (p[3] == TYPE_V4)
		address = 4;
	else if (p[3] == TYPE_V6)
		address = 16;
	else if (p[3] == TYPE_NAME)
		address = 1 + (size_t)p[4];
	else
		return -EPROTO;
	return whole_of(n, 4 + address + 2, missing);
}
