/* route - `sni:mail.example.org, alpn:h2 -> web:443`: one route as the file has it, and what routes have to do
 * with each other. Text comes from the file: any bytes are accepted. */
#ifndef TAILSPLICE_CONFIG_ROUTE_H
#define TAILSPLICE_CONFIG_ROUTE_H

#include "config/model.h"

/* Appends one. NULL, or what was expected, as value.h; then *out is unchanged. */
const char *route_parse(const char *text, struct routes *out);

/* True when it cannot be decided without bytes of the client. */
bool route_needs_bytes(const struct route_conf *r);

/* What a client must speak to fit: MATCH_TLS, MATCH_HTTP, MATCH_SSH, or MATCH_ANY. */
enum match_kind route_protocol(const struct route_conf *r);

/* True when every client that fits `inner` fits `outer`. */
bool route_covers(const struct route_conf *outer, const struct route_conf *inner);

/* True when no client can fit: it would have to speak two protocols at once, or to ask for two names. */
bool route_is_impossible(const struct route_conf *r);

/* "sni:mail.example.org, alpn:h2", as it was written but for case and blanks. Returns `out`. */
#define ROUTE_TEXT 400
char *route_format(const struct route_conf *r, char out[static ROUTE_TEXT]);

void route_finish(struct route_conf *r);

#endif
