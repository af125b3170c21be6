#include "control/symptom.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/bits.h"
#include "base/memory.h"

void checkup_finish(struct checkup *c)
{
	free(c->at);
	*c = (struct checkup){ 0 };
}

void checkup_say(struct checkup *c, enum checkup_verdict verdict, const char *means,
		 const char *todo, const char *fmt, ...)
{
	struct symptom *s;
	va_list args;

	c->at = memory_grow(c->at, c->count, sizeof(*c->at));
	s = &c->at[c->count++];
	*s = (struct symptom){ .verdict = verdict, .check = c->check, .means = means, .todo = todo };
	va_start(args, fmt);
	vsnprintf(s->what, sizeof(s->what), fmt, args);
	va_end(args);
}

enum checkup_verdict checkup_worst(const struct checkup *c)
{
	enum checkup_verdict worst = CHECKUP_OK;

	for (size_t i = 0; i < c->count; i++)
		worst = max_of(worst, c->at[i].verdict);
	return worst;
}

const char *checkup_word(enum checkup_verdict verdict)
{
	static const char *const words[] = { "ok", "warn", "fail" };

	return words[verdict];
}
