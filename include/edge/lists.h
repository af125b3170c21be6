/* lists - allow and deny of one listener: a verdict for each network, also of those that stand in files. Workers read a set
 * that never changes; the main thread puts another in its place when a file has. */
#ifndef TAILSPLICE_EDGE_LISTS_H
#define TAILSPLICE_EDGE_LISTS_H

#include <stdbool.h>

#include "base/prefixes.h"
#include "config/model.h"
#include "config/report.h"

/* Of one file, and networks of one listener. */
#define LISTS_FILE_MAX (64u << 20)

struct lists;

/* NULL when the listener has neither key. Files are read; what is wrong goes to the report, and then the set is of no use.
 * `file` is the configuration's: other files are beside it. The configuration must outlive it. */
struct lists *lists_open(const struct listen_conf *l, const char *file, struct report *report);

/* Accepts NULL. No thread uses it any more. */
void lists_close(struct lists *l);

/* Any thread; valid until the next return to the worker's loop. Accepts NULL: everybody is let in. True when the longest
 * network that covers the client is one of deny, or when there is an allow and none of its networks does; then *how. */
bool lists_deny(const struct lists *l, const struct addr *client, enum dismissal *how);

/* True when it reads any file: then lists_refresh() is to be called each LISTS_EVERY milliseconds. */
#define LISTS_EVERY 1000
bool lists_have_files(const struct lists *l);

/* Main thread. Reads anew if a file has changed, and stays so for one call: it may be half written. What was in force is
 * returned, to be put when no worker can read it any more; NULL: nothing changed, or a file is bad, which is said
 * in the log, and all stays as it is. */
struct prefixes *lists_refresh(struct lists *l);

#endif
