/* json - is this line one flat JSON object in UTF-8 (RFC 8259)? A checker, not a reader. */
#ifndef TAILSPLICE_TESTS_JSON_H
#define TAILSPLICE_TESTS_JSON_H

#include <stdbool.h>
#include <stddef.h>

/* `{"key":"text","key":1,"key":null}` and a newline; nothing before, between or after. */
bool json_is_line(const char *text, size_t len);

#endif
