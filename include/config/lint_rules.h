/* lint_rules - what the rules of lint.h have in common: how they complain, and what they know
 * of ports. */
#ifndef TAILSPLICE_CONFIG_LINT_RULES_H
#define TAILSPLICE_CONFIG_LINT_RULES_H

#include <stdbool.h>

#include "config/lint_facts.h"
#include "config/lint_story.h"
#include "config/model.h"
#include "config/reach.h"
#include "config/report.h"
#include "config/wire.h"

enum lint_weight { LINT_ERROR, LINT_WARNING };

/* One port of a listener and one server it leads to. */
struct endpoint {
	const struct listen_conf *listen;
	const struct route_conf *route; /* by which it leads there */
	const struct backend_conf *backend;
	const struct server_conf *server;
	struct addr at;	     /* of a literal or localhost; else AF_UNSPEC */
	uint16_t from, port; /* the listener's and the server's */
	bool fixed;	     /* all ports of the listener lead to that one */
};

struct lint {
	const struct config *config;
	const struct lint_facts *facts;
	struct report *report;
	struct endpoint *endpoints;
	size_t nendpoints;
};

/* Where a complaint points to. */
struct lint_place {
	const struct section *section;
	int line;
};

/* The line of that key, or of the section when it has none of its own. */
struct lint_place lint_at_global(const struct global_conf *g, const char *key);
struct lint_place lint_at_listen(const struct listen_conf *l, const char *key);
struct lint_place lint_at_route(const struct listen_conf *l, const struct route_conf *r);
struct lint_place lint_at_backend(const struct backend_conf *b, const char *key);
struct lint_place lint_at_server(const struct backend_conf *b, const struct server_conf *server);

__attribute__((format(printf, 5, 6))) void lint_say(const struct lint *lint,
						    enum lint_weight weight, enum lint_code code,
						    struct lint_place place, const char *fmt, ...);

/* True when the server is sent no header, and that is what the file means: a send-proxy that was
 * refused is off, too. */
bool lint_is_headerless(const struct lint *lint, const struct backend_conf *b);

/* The most public of its addresses. */
enum reach lint_reach(const struct listen_conf *l);

/* One host, by its name or by its address. */
bool lint_same_host(const struct endpoint *a, const struct endpoint *b);

#endif
