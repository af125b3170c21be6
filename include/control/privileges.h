/* privileges - from what we were started with to what we need: one user, and the right to bind
 * ports below 1024 for the sake of later reloads.
 * Main thread, before any other thread starts: capabilities belong to threads (capabilities(7)). */
#ifndef TAILSPLICE_CONTROL_PRIVILEGES_H
#define TAILSPLICE_CONTROL_PRIVILEGES_H

#include <stdbool.h>
#include <stddef.h>

#include "config/model.h"
#include "config/report.h"

/* Before anything is bound: there is the `user` of the configuration, and we can become it. False, with
 * a complaint. Changes nothing. */
bool privileges_check(const struct global_conf *g, struct report *report);

/* Becomes `user` with its groups (NULL: stays who it is) and keeps no capability but
 * CAP_NET_BIND_SERVICE, and that only if it had it; nothing it executes can gain any (no_new_privs). Cannot
 * be undone. False, with words for the operator: then the process must end. */
bool privileges_drop(const char *user, char *why, size_t size);

#endif
