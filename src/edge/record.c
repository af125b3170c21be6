#include "edge/record.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

/* HAProxy configuration manual 8.5: who ended it, and in which phase: C connecting, D data. */
static const char *haproxy_state(const struct record *r)
{
	bool data = r->connect_ms != CONNECT_NONE;

	switch (r->why) {
	case WHY_CLIENT_EOF:
	case WHY_SERVER_EOF:
		return "--";
	case WHY_CLIENT_RESET:
		return data ? "CD" : "CC";
	case WHY_SERVER_RESET:
		return data ? "SD" : "SC";
	case WHY_IDLE:
	case WHY_HALF_CLOSED:
		return "cD";
	case WHY_HEAD_TIMEOUT:
		return "cR";
	case WHY_CONNECT_TIMEOUT:
		return "sC";
	case WHY_NO_ADDRESS:
	case WHY_CONNECT_REFUSED:
	case WHY_BACKEND_DOWN:
		return "SC";
	case WHY_DRAIN:
	case WHY_RELOAD:
	case WHY_KILLED:
		return data ? "KD" : "KC";
	case WHY_ERROR:
		return data ? "RD" : "RC";
	default:
		return data ? "KD" : "PR";
	}
}

static void haproxy_date(msec_t ago, char *out, size_t size)
{
	struct timespec now;
	struct tm parts;
	char text[32];
	int64_t ms;
	time_t t;

	clock_gettime(CLOCK_REALTIME, &now);
	ms = (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000 - (int64_t)ago;
	t = (time_t)(ms / 1000);
	strftime(text, sizeof(text), "%d/%b/%Y:%H:%M:%S", localtime_r(&t, &parts));
	snprintf(out, size, "%s.%03d", text, (int)(ms % 1000));
}

/* A host name has at most 253 characters. */
#define SERVER_TEXT 264

/* Where it led; "" when nobody knows. */
static const char *format_server(const struct record *r, char out[static SERVER_TEXT])
{
	char at[ADDR_TEXT];

	*out = '\0';
	if (r->server.sa.sa_family != AF_UNSPEC)
		snprintf(out, SERVER_TEXT, "%s", addr_format(&r->server, at));
	else if (r->server_name)
		snprintf(out, SERVER_TEXT, "%.253s:%u", r->server_name, addr_port(&r->server));
	return out;
}

static void haproxy_line(const struct record *r, struct line *out)
{
	char client[ADDR_TEXT], server[SERVER_TEXT], date[48], connect[16] = "-1";
	int n;

	haproxy_date(r->ms, date, sizeof(date));
	addr_format_host(&r->client, client);
	if (!*format_server(r, server))
		strcpy(server, "<NOSRV>");
	if (r->connect_ms != CONNECT_NONE)
		snprintf(connect, sizeof(connect), "%" PRIu32, r->connect_ms);
	line_start(out, LINE_HAPROXY);
	n = snprintf(out->text, sizeof(out->text),
		     "%s:%u [%s] %.64s %.64s/%s 0/%s/%" PRIu64 " %" PRIu64 " %s %zu/%" PRIu64
		     "/%" PRIu64 "/%" PRIu64 "/%u 0/0\n",
		     client, addr_port(&r->client), date, r->listener,
		     r->backend ? r->backend : r->listener, server, connect, r->ms, r->down,
		     haproxy_state(r), r->flows, r->listener_flows, r->backend_flows,
		     r->backend_flows, r->retries);
	out->used = (size_t)n;
}

void record_line(const struct record *r, enum line_format format, struct line *out)
{
	char text[128], server[SERVER_TEXT];

	if (format == LINE_HAPROXY) {
		haproxy_line(r, out);
		return;
	}
	line_start(out, format);
	snprintf(text, sizeof(text), "%08" PRIx64, r->flow);
	line_str(out, "flow", text);
	snprintf(text, sizeof(text), "%.64s:%u", r->listener, r->port);
	line_str(out, "listener", text);
	line_addr(out, "client", &r->client);
	if (r->backend)
		line_str(out, "backend", r->backend);
	else
		line_none(out, "backend");
	if (*format_server(r, server))
		line_str(out, "server", server);
	else
		line_none(out, "server");
	line_str(out, "path", r->path);
	line_u64(out, "up", r->up);
	line_u64(out, "down", r->down);
	if (r->connect_ms == CONNECT_NONE)
		line_none(out, "connect_ms");
	else
		line_u64(out, "connect_ms", r->connect_ms);
	line_u64(out, "ms", r->ms);
	line_str(out, "why", why_name(r->why));
	line_finish(out);
}
