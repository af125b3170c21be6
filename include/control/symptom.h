/* symptom - what a check has found: what is, what it means for mail, and what to do. One thread. */
#ifndef TAILSPLICE_CONTROL_SYMPTOM_H
#define TAILSPLICE_CONTROL_SYMPTOM_H

#include <stddef.h>

enum checkup_verdict { CHECKUP_OK, CHECKUP_WARN, CHECKUP_FAIL };

struct symptom {
	enum checkup_verdict verdict;
	const char *check; /* the name of what was looked at */
	char what[640];	   /* one line */
	const char *means; /* for mail; "" when all is well */
	const char *todo;  /* lines; "" when there is nothing to do */
};

struct checkup {
	struct symptom *at;
	size_t count;
	const char *check; /* what is being looked at */
};

/* `means` and `todo` are static. */
__attribute__((format(printf, 5, 6))) void checkup_say(struct checkup *c,
						       enum checkup_verdict verdict,
						       const char *means, const char *todo,
						       const char *fmt, ...);

void checkup_finish(struct checkup *c);

/* The worst of them. */
enum checkup_verdict checkup_worst(const struct checkup *c);

/* "ok", "warn", "fail". */
const char *checkup_word(enum checkup_verdict verdict);

#endif
