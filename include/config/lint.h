/* lint - rules that no key breaks alone: what is written is possible, and mail would suffer.
 * An error where mail would silently break or an edge be misused, else a warning; each with its
 * code, whose story is in lint_story.h. Pure: the machine is told, not asked. */
#ifndef TAILSPLICE_CONFIG_LINT_H
#define TAILSPLICE_CONFIG_LINT_H

#include "config/lint_facts.h"
#include "config/model.h"
#include "config/report.h"

/* Also for a configuration with errors: what is not there is not judged. A file's first few
 * thousand pairs of port and server are compared, more no mail edge has. */
void lint_config(const struct config *c, const struct lint_facts *facts, struct report *report);

#endif
