#include "codec/hello.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "base/bits.h"

enum { RECORD_HEADER = 5, RECORD_MAX = 16384, RECORD_HANDSHAKE = 22 };
enum { MESSAGE_HEADER = 4, CLIENT_HELLO = 1 };
enum { EXTENSION_SERVER_NAME = 0, EXTENSION_ALPN = 16, NAME_HOST = 0 };

/* Bytes that are still to be read. */
struct span {
	const uint8_t *p;
	size_t n;
};

static bool take(struct span *from, size_t n, struct span *out)
{
	if (from->n < n)
		return false;
	*out = (struct span){ from->p, n };
	from->p += n;
	from->n -= n;
	return true;
}

static bool take_number(struct span *from, size_t bytes, size_t *out)
{
	struct span s;

	if (!take(from, bytes, &s))
		return false;
	*out = 0;
	for (size_t i = 0; i < bytes; i++)
		*out = *out << 8 | s.p[i];
	return true;
}

/* A vector whose length stands before it in so many bytes (RFC 8446 3.4). */
static bool take_vector(struct span *from, size_t bytes, struct span *out)
{
	size_t n;

	return take_number(from, bytes, &n) && take(from, n, out);
}

static bool record_header_fits(const uint8_t *p, size_t n)
{
	size_t len;

	if (p[0] != RECORD_HANDSHAKE || (n > 1 && p[1] != 3))
		return false;
	if (n < RECORD_HEADER)
		return true;
	len = (size_t)p[3] << 8 | p[4];
	/* 5.1: no empty fragments of a handshake. */
	return len > 0 && len <= RECORD_MAX;
}

int hello_begins(const uint8_t *p, size_t n)
{
	if (n == 0)
		return 0;
	if (!record_header_fits(p, n) || (n > RECORD_HEADER && p[RECORD_HEADER] != CLIENT_HELLO))
		return -EPROTO;
	return n > RECORD_HEADER ? RECORD_HEADER + 1 : 0;
}

/* The message may lie in many records: its bytes in one piece. As hello_parse(). */
static int gather(const uint8_t *p, size_t n, uint8_t out[static HELLO_MAX], size_t *len)
{
	size_t at = 0, whole = MESSAGE_HEADER, record, part;

	*len = 0;
	while (*len < whole) {
		if (at == n)
			return 0;
		if (!record_header_fits(p + at, n - at))
			return -EPROTO;
		if (n - at < RECORD_HEADER)
			return 0;
		record = (size_t)p[at + 3] << 8 | p[at + 4];
		at += RECORD_HEADER;
		part = min_of(min_of(record, n - at), HELLO_MAX - *len);
		memcpy(out + *len, p + at, part);
		*len += part;
		if (*len > 0 && out[0] != CLIENT_HELLO)
			return -EPROTO;
		if (*len >= MESSAGE_HEADER)
			whole = MESSAGE_HEADER +
				((size_t)out[1] << 16 | (size_t)out[2] << 8 | out[3]);
		if (whole > HELLO_MAX)
			return -EPROTO;
		if (part < record && *len < whole)
			return 0;
		at += part;
	}
	at -= *len - whole;
	*len = whole;
	return (int)at;
}

static bool is_name_byte(uint8_t c)
{
	return isalnum(c) || c == '-' || c == '_' || c == '.';
}

/* What cannot be the name of a host is none: nobody has to be careful with it afterwards. */
static void read_name(struct span s, char out[static HELLO_NAME_MAX])
{
	if (s.n > 1 && s.p[s.n - 1] == '.')
		s.n--;
	if (s.n >= HELLO_NAME_MAX)
		return;
	for (size_t i = 0; i < s.n; i++)
		if (!is_name_byte(s.p[i]))
			return;
	for (size_t i = 0; i < s.n; i++)
		out[i] = (char)tolower(s.p[i]);
	out[s.n] = '\0';
}

static bool read_server_name(struct span s, struct hello *out)
{
	struct span list, name;
	size_t type;

	if (!take_vector(&s, 2, &list) || s.n)
		return false;
	while (list.n) {
		if (!take_number(&list, 1, &type) || !take_vector(&list, 2, &name))
			return false;
		if (type == NAME_HOST && !out->name[0])
			read_name(name, out->name);
	}
	return true;
}

static bool read_alpn(struct span s, struct hello *out)
{
	struct span list, name;

	if (!take_vector(&s, 2, &list) || s.n)
		return false;
	while (list.n) {
		if (!take_vector(&list, 1, &name) || name.n == 0)
			return false;
		if (out->alpn_len + 1 + name.n > HELLO_ALPN_MAX)
			break;
		out->alpn[out->alpn_len++] = (uint8_t)name.n;
		memcpy(out->alpn + out->alpn_len, name.p, name.n);
		out->alpn_len += name.n;
	}
	return true;
}

static bool read_extensions(struct span s, struct hello *out)
{
	struct span body;
	bool named = false, offered = false;
	size_t type;

	while (s.n) {
		if (!take_number(&s, 2, &type) || !take_vector(&s, 2, &body))
			return false;
		/* No extension may come twice (4.2). */
		if (type == EXTENSION_SERVER_NAME) {
			if (named || !read_server_name(body, out))
				return false;
			named = true;
		} else if (type == EXTENSION_ALPN) {
			if (offered || !read_alpn(body, out))
				return false;
			offered = true;
		}
	}
	return true;
}

static bool read_message(struct span s, struct hello *out)
{
	struct span fixed, session, suites, compression, extensions;

	/* The version and 32 random bytes. */
	if (!take(&s, 34, &fixed) || fixed.p[0] != 3 || !take_vector(&s, 1, &session) ||
	    session.n > 32 || !take_vector(&s, 2, &suites) || suites.n < 2 || suites.n % 2 ||
	    !take_vector(&s, 1, &compression) || !compression.n)
		return false;
	if (!s.n)
		return true;
	return take_vector(&s, 2, &extensions) && !s.n && read_extensions(extensions, out);
}

int hello_parse(const uint8_t *p, size_t n, struct hello *out)
{
	uint8_t message[HELLO_MAX];
	size_t len;
	int end = gather(p, n, message, &len);

	out->name[0] = '\0';
	out->alpn_len = 0;
	if (end <= 0)
		return end;
	if (!read_message((struct span){ message + MESSAGE_HEADER, len - MESSAGE_HEADER }, out)) {
		out->name[0] = '\0';
		out->alpn_len = 0;
		return -EPROTO;
	}
	return end;
}

bool hello_offers(const struct hello *h, const char *protocol)
{
	size_t len = strlen(protocol);

	for (size_t at = 0; at < h->alpn_len; at += 1u + h->alpn[at])
		if (h->alpn[at] == len && memcmp(h->alpn + at + 1, protocol, len) == 0)
			return true;
	return false;
}

const uint8_t *hello_only_protocol(const struct hello *h, size_t *len)
{
	*len = h->alpn_len ? h->alpn[0] : 0;
	return h->alpn_len && h->alpn_len == *len + 1 ? h->alpn + 1 : NULL;
}
