/* check - Criterion, and comparisons that show both sides. `label` names the row of a table.
 * Of Criterion only Test(), cr_assert(), cr_expect() and cr_skip_test() are used: plain/ offers
 * just those. */
#ifndef TAILSPLICE_TESTS_CHECK_H
#define TAILSPLICE_TESTS_CHECK_H

#include <criterion/criterion.h>
#include <string.h>

#define expect_num(actual, wanted, label)                                                      \
	do {                                                                                   \
		long long actual_ = (long long)(actual), wanted_ = (long long)(wanted);        \
		cr_expect(actual_ == wanted_, "%s: %s is %lld, expected %lld", label, #actual, \
			  actual_, wanted_);                                                   \
	} while (0)

#define expect_str(actual, wanted, label)                                                      \
	do {                                                                                   \
		const char *actual_ = (actual), *wanted_ = (wanted);                           \
		cr_expect(strcmp(actual_, wanted_) == 0, "%s: got '%s', expected '%s'", label, \
			  actual_, wanted_);                                                   \
	} while (0)

#define expect_has(actual, part, label)                                                          \
	do {                                                                                     \
		const char *actual_ = (actual), *part_ = (part);                                 \
		cr_expect(actual_ &&strstr(actual_, part_), "%s: '%s' does not say '%s'", label, \
			  actual_ ? actual_ : "(nothing)", part_);                               \
	} while (0)

#endif
