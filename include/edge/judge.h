/* judge - a file, or text, becomes a configuration that makes sense as a whole, with its plan. */
#ifndef TAILSPLICE_EDGE_JUDGE_H
#define TAILSPLICE_EDGE_JUDGE_H

#include "config/model.h"
#include "config/report.h"
#include "edge/plan.h"

/* Both are the caller's. NULL when the report has errors; it may have warnings in any case. */
struct config *judge_file(const char *file, struct plan *plan, struct report *report);

/* The same for text that comes with the program. */
struct config *judge_text(const char *name, const char *text, struct plan *plan,
			  struct report *report);

#endif
