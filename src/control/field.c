#include "control/field.h"

#include "base/bits.h"

uint64_t field_u64(const json_t *object, const char *key)
{
	return (uint64_t)max_of(json_integer_value(json_object_get(object, key)), (json_int_t)0);
}

double field_real(const json_t *object, const char *key)
{
	return max_of(json_number_value(json_object_get(object, key)), 0.0);
}

const char *field_text(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text ? text : "-";
}

json_t *field_object(const json_t *object, const char *key)
{
	json_t *value = json_object_get(object, key);

	return json_is_object(value) ? value : NULL;
}

json_t *field_array(const json_t *object, const char *key)
{
	json_t *value = json_object_get(object, key);

	return json_is_array(value) ? value : NULL;
}
