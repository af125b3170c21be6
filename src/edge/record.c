#include "edge/record.h"

#include <inttypes.h>
#include <stdio.h>

void record_line(const struct record *r, enum line_format format, struct line *out)
{
	char text[128];

	line_start(out, format);
	snprintf(text, sizeof(text), "%08" PRIx64, r->flow);
	line_str(out, "flow", text);
	snprintf(text, sizeof(text), "%.64s:%u", r->listener, r->port);
	line_str(out, "listener", text);
	line_addr(out, "client", &r->client);
	line_str(out, "backend", r->backend);
	line_addr(out, "server", &r->server);
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
