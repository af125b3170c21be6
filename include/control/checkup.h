/* checkup - facts become symptoms. The checks are rows of a table; all of them are pure. */
#ifndef TAILSPLICE_CONTROL_CHECKUP_H
#define TAILSPLICE_CONTROL_CHECKUP_H

#include "control/facts.h"
#include "control/symptom.h"

/* Every check, in the order of the table. The caller ends it with checkup_finish(). */
void checkup_run(struct checkup *c, const struct facts *f);

#endif
