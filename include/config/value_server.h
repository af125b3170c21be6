/* value_server - parsers of the values that say which servers a backend has, and what follows when none can be reached. As
 * in value.h: each answers NULL, or in words what was expected; then the field is unchanged. They accept any bytes. */
#ifndef TAILSPLICE_CONFIG_VALUE_SERVER_H
#define TAILSPLICE_CONFIG_VALUE_SERVER_H

#include <stdbool.h>

#include "config/model.h"

/* "HOST", "HOST:PORT", "[2001:db8::1]:25", "2001:db8::1", "tailnet:NODE"; then "weight=N" and "backup"; appended to *out. */
const char *value_server(const char *text, struct servers *out);

/* The shape of a host name, of one label or more. */
bool value_is_host_name(const char *text);

/* "reset", "smtp-421", "hold DURATION". */
const char *value_on_down(const char *text, struct on_down_conf *out);

#endif
