#include "backend/passage.h"

#include <stdio.h>
#include <string.h>

struct passage passage_of(const struct backend_conf *b, const char *host)
{
	struct passage p = { 0 };
	struct addr literal;

	if (!b->via.host)
		return p;
	p.on = true;
	p.at = b->via.at;
	p.login = b->via.user != NULL;
	snprintf(p.user, sizeof(p.user), "%s", p.login ? b->via.user : "");
	snprintf(p.password, sizeof(p.password), "%s", p.login ? b->via.password : "");
	if (!addr_parse(&literal, host, 0) && !server_node(host))
		snprintf(p.name, sizeof(p.name), "%s", host);
	return p;
}

size_t passage_write(const struct passage *p, const struct addr *to,
		     uint8_t out[static SOCKS_WRITE_MAX])
{
	switch (p->step) {
	case PASSAGE_GREETING:
		return socks_write_greeting(p->login, out);
	case PASSAGE_PASSWORD:
		return socks_write_password(p->user, p->password, out);
	default:
		return socks_write_connect(*p->name ? p->name : NULL, to, out);
	}
}

int passage_read(struct passage *p, const uint8_t *bytes, size_t n, size_t *missing)
{
	enum socks_method method = SOCKS_METHOD_NONE;
	int len;

	*missing = 0;
	if (p->step == PASSAGE_GREETING)
		len = socks_read_method(bytes, n, p->login, &method, missing);
	else if (p->step == PASSAGE_PASSWORD)
		len = socks_read_password(bytes, n, missing);
	else
		len = socks_read_connect(bytes, n, missing);
	if (len <= 0)
		return len;
	*missing = 0;
	if (p->step == PASSAGE_CONNECT)
		return 1;
	p->step = method == SOCKS_METHOD_PASSWORD ? PASSAGE_PASSWORD : PASSAGE_CONNECT;
	return 0;
}
