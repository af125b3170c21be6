/* answer - what the edge knows, as the JSON objects that the control socket answers with. Their
 * fields are an interface. Every object is a new reference, the caller's. */
#ifndef TAILSPLICE_CONTROL_ANSWER_H
#define TAILSPLICE_CONTROL_ANSWER_H

#include <jansson.h>

#include "control/desk.h"

/* All there is to know; `look` is what all workers counted, together. Keeps a sample for the
 * rates of the next one. */
json_t *answer_status(struct desk *d, const struct ledger *look);

json_t *answer_conns(const struct desk *d, const struct listing *list);

json_t *answer_bans(const struct desk *d);

/* What a reload did; `report` may hold warnings. */
json_t *answer_reload(const struct edge_change *change, const struct report *report);

/* Why it was refused. */
json_t *answer_errors(const char *error, const struct report *report);

#endif
