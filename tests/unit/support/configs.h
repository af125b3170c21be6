/* configs - configuration texts as values, and lists of what is wrong with them. */
#ifndef TAILSPLICE_TESTS_CONFIGS_H
#define TAILSPLICE_TESTS_CONFIGS_H

#include "config/config.h"
#include "config/report.h"

/* The value of a text without mistakes; ends the test if it has any. */
struct config *config_of(const char *text);

/* `wanted`: "LINE:start of the text|…", in this order, and no more. */
void expect_reported(const struct report *r, const char *wanted, const char *label);

/* That config_parse() and plan_make() together have these complaints. */
void expect_complaints(const char *text, const char *wanted, const char *label);

#endif
