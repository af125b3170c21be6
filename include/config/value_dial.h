/* value_dial - parsers of the values that say how servers are dialled. As in value.h: each answers NULL, or in words what
 * was expected; then the field is unchanged. They accept any bytes. */
#ifndef TAILSPLICE_CONFIG_VALUE_DIAL_H
#define TAILSPLICE_CONFIG_VALUE_DIAL_H

#include "config/model.h"

/* The name of a network interface (dev_valid_name() of the kernel), or a word in its place. */
const char *value_device(const char *text);

/* One IP literal, or one of each family. */
const char *value_source(const char *text, struct addrs *out);

/* "socks5://HOST:PORT", "socks5://USER:PASSWORD@HOST:PORT" with %XX for what has a meaning there (RFC 3986 2.1). HOST is
 * an IP literal or a name. What was expected never repeats the value. */
const char *value_via(const char *text, struct via_conf *out);

#endif
