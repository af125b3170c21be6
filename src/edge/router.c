#include "edge/router.h"

#include <string.h>

#include "codec/hello.h"
#include "codec/host.h"

enum fit { FIT_NO, FIT_YES, FIT_UNKNOWN };

/* The same bytes are parsed once for all routes. */
struct view {
	const struct sight *sight;
	bool tried_hello, tried_host;
	int hello_len, host_len;
	struct hello hello;
	struct host host;
};

/* Of a parser's answer. */
static enum fit fit_of(int len)
{
	return len > 0 ? FIT_YES : len < 0 ? FIT_NO : FIT_UNKNOWN;
}

static enum fit see_hello(struct view *v)
{
	if (!v->tried_hello)
		v->hello_len = hello_parse(v->sight->bytes, v->sight->n, &v->hello);
	v->tried_hello = true;
	return fit_of(v->hello_len);
}

static enum fit see_host(struct view *v)
{
	if (!v->tried_host)
		v->host_len = host_parse(v->sight->bytes, v->sight->n, &v->host);
	v->tried_host = true;
	return fit_of(v->host_len);
}

static enum fit fits_ssh(const struct sight *s)
{
	/* RFC 4253 4.2: clients send it without waiting for the server's. */
	static const char start[] = "SSH-";

	if (s->n && memcmp(s->bytes, start, min_of(s->n, sizeof(start) - 1)) != 0)
		return FIT_NO;
	return s->n >= sizeof(start) - 1 ? FIT_YES : FIT_UNKNOWN;
}

static bool is_named(const struct match *m, const char *name)
{
	size_t n = strlen(name), k = strlen(m->text);

	if (!m->below)
		return strcmp(name, m->text) == 0;
	return n > k && strcmp(name + n - k, m->text) == 0;
}

static enum fit fits_tls(const struct match *m, struct view *v)
{
	enum fit fit;

	if (m->kind == MATCH_TLS)
		return fit_of(hello_begins(v->sight->bytes, v->sight->n));
	fit = see_hello(v);
	if (fit != FIT_YES)
		return fit;
	return m->kind == MATCH_SNI ? is_named(m, v->hello.name) : hello_offers(&v->hello, m->text);
}

static enum fit fits_http(const struct match *m, struct view *v)
{
	enum fit fit = see_host(v);

	/* The request line tells more than the name needs. */
	if (fit == FIT_NO || (m->kind != MATCH_HOST && !v->host.line))
		return fit;
	if (m->kind == MATCH_HTTP)
		return FIT_YES;
	if (m->kind == MATCH_PATH)
		return host_path_begins(&v->host, v->sight->bytes, m->text);
	return fit == FIT_YES ? (enum fit)is_named(m, v->host.name) : fit;
}

static enum fit fits(const struct match *m, struct view *v)
{
	switch (m->kind) {
	case MATCH_SOURCE:
		return net_contains(&m->net, v->sight->client);
	case MATCH_TLS:
	case MATCH_SNI:
	case MATCH_ALPN:
		return fits_tls(m, v);
	case MATCH_HTTP:
	case MATCH_HOST:
	case MATCH_PATH:
		return fits_http(m, v);
	case MATCH_SSH:
		return fits_ssh(v->sight);
	default:
		return FIT_YES;
	}
}

static enum fit route_fits(const struct route_conf *r, struct view *v)
{
	enum fit all = FIT_YES, one;

	for (size_t i = 0; i < r->count; i++) {
		one = fits(&r->at[i], v);
		if (one == FIT_NO)
			return FIT_NO;
		if (one == FIT_UNKNOWN)
			all = FIT_UNKNOWN;
	}
	return all;
}

size_t router_choose(const struct routes *routes, const struct sight *s)
{
	struct view v;

	v.sight = s;
	v.tried_hello = v.tried_host = false;
	for (size_t i = 0; i < routes->count; i++) {
		switch (route_fits(&routes->at[i], &v)) {
		case FIT_YES:
			return i;
		case FIT_UNKNOWN:
			if (!s->final)
				return ROUTER_WAIT;
			break;
		default:
			break;
		}
	}
	return ROUTER_NONE;
}
