/* value - one small parser for each kind of value in the configuration.
 * Each answers NULL, or in words what was expected; then the field is unchanged. The words are
 * static, or in a buffer of the calling thread that the next call overwrites.
 * Text comes from the file: every parser accepts any bytes. */
#ifndef TAILSPLICE_CONFIG_VALUE_H
#define TAILSPLICE_CONFIG_VALUE_H

#include "config/model.h"

/* Decimal, "64k" (times 1024) or "4m" (times 1048576), min..max. With `auto_word`, the word auto is 0. */
const char *value_number(const char *text, uint64_t min, uint64_t max, bool auto_word,
			 uint64_t *out);

/* "500ms", "10s", "35m", "1h", "2d"; min..max in milliseconds. */
const char *value_duration(const char *text, msec_t min, msec_t max, msec_t *out);

/* The other way: "10m", "90s". Returns `out`. */
#define VALUE_DURATION_TEXT 24
char *value_format_duration(msec_t ms, char out[static VALUE_DURATION_TEXT]);

/* Decimal, 1..max; "off" is 0, "auto" LIMIT_AUTO. */
const char *value_limit(const char *text, uint64_t max, uint64_t *out);

/* "20/10s", "off" or "auto": at most `max` in a time from 1s to 1h. */
const char *value_rate(const char *text, uint64_t max, struct rate *out);

/* One of the NULL-terminated words; *out is its index. */
const char *value_choice(const char *text, const char *const *words, unsigned *out);

/* "25 465 587", "25>10025", "8000-8010", separated by blanks or commas; appended to *out. */
const char *value_ports(const char *text, struct port_maps *out);

/* IP literals separated by blanks or commas; appended to *out. */
const char *value_addrs(const char *text, struct addrs *out);

/* "192.0.2.0/24", "2001:db8::1", separated by blanks or commas; appended to *out. */
const char *value_nets(const char *text, struct nets *out);

/* Some of the NULL-terminated words, separated by blanks or commas; *out has a bit for each, by its index. */
const char *value_words(const char *text, const char *const *words, unsigned *out);

/* "NAME" or "NAME:PORT"; *out owns the name afterwards. */
const char *value_target(const char *text, struct target *out);

/* "127.0.0.1:9464", "[::1]:9464". */
const char *value_endpoint(const char *text, struct addr *out);

/* Calls `add` with each blank- or comma-separated word, until one complains; without a word, "a value". */
const char *value_each_word(const char *text, void *out,
			    const char *(*add)(void *out, const char *word));

/* A name of a section: letters, digits, '-', '_', '.'. */
const char *value_name(const char *text);

/* strdup(3) that replaces *out. */
void value_replace(char **out, const char *text);

#endif
