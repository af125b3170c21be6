/* line - one line of the log, built field by field, as logfmt or as JSON.
 * A field that does not fit is left out whole, so a line never breaks its format. */
#ifndef TAILSPLICE_BASE_LINE_H
#define TAILSPLICE_BASE_LINE_H

#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"

/* LINE_HAPROXY is for flows alone (edge/record.h); a line built field by field is logfmt then. */
enum line_format { LINE_LOGFMT, LINE_JSON, LINE_HAPROXY };

/* Below PIPE_BUF (4096), so that a line is one atomic write to a pipe (pipe(7)). */
#define LINE_MAX_BYTES 2048

struct line {
	enum line_format format;
	size_t used;
	char text[LINE_MAX_BYTES];
};

void line_start(struct line *l, enum line_format format);
void line_str(struct line *l, const char *key, const char *value);
void line_u64(struct line *l, const char *key, uint64_t value);
void line_addr(struct line *l, const char *key, const struct addr *a);

/* The key with "nothing known": `-` in logfmt, null in JSON. */
void line_none(struct line *l, const char *key);

/* Adds the end of the line; afterwards text[0 .. used) is ready to be written. */
void line_finish(struct line *l);

#endif
