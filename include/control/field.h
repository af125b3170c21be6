/* field - members of a JSON object that came over the control socket, whatever is in it: one that is missing
 * or of another kind counts as nothing. Pure; any thread. */
#ifndef TAILSPLICE_CONTROL_FIELD_H
#define TAILSPLICE_CONTROL_FIELD_H

#include <jansson.h>
#include <stdint.h>

/* 0 when there is none, and for negative ones. */
uint64_t field_u64(const json_t *object, const char *key);
double field_real(const json_t *object, const char *key);

/* "-" when there is none. Lent by the object. */
const char *field_text(const json_t *object, const char *key);

/* NULL when there is none. Lent by the object. */
json_t *field_object(const json_t *object, const char *key);
json_t *field_array(const json_t *object, const char *key);

#endif
