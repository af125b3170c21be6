/* config - a file becomes a value: built whole, checked whole. */
#ifndef TAILSPLICE_CONFIG_CONFIG_H
#define TAILSPLICE_CONFIG_CONFIG_H

#include <stddef.h>

#include "config/model.h"
#include "config/report.h"

#define CONFIG_DEFAULT_FILE "/etc/tailsplice/tailsplice.ini"

/* The configuration, owned by the caller: of the file, the files it includes and the `.env` beside it. With complaints in the report it is only good for
 * finding more of them (plan_make()). NULL, with a complaint, when the file cannot be read. */
struct config *config_load(const char *file, struct report *report);

/* The same from bytes; `file` is only named. */
struct config *config_parse(const char *file, const char *bytes, size_t len, struct report *report);

/* Accepts NULL. */
void config_free(struct config *c);

#endif
