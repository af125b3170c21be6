/* source - the bytes a configuration is made of: the file, what it includes, the `.env` beside it.
 * Files are read whole; a FIFO, a device or a directory is refused, nothing is waited for. */
#ifndef TAILSPLICE_CONFIG_SOURCE_H
#define TAILSPLICE_CONFIG_SOURCE_H

#include <stdbool.h>

#include "config/ini.h"
#include "config/report.h"
#include "config/variables.h"

/* Of all files together: nobody writes 4 MiB of configuration. */
#define CONFIG_SIZE_MAX (4u << 20)

struct source {
	struct ini ini; /* the sections of all files */
	struct variables variables;
	char hash[17]; /* of all bytes: the first 16 hexadecimal digits of their SHA-256 */
};

/* Reads it all. Complaints go to the report, and included files to its lines. False: the file itself cannot be
 * read. */
bool source_read(struct source *s, const char *file, struct report *report);

/* The same from bytes, without files beside it. */
void source_read_text(struct source *s, const char *bytes, size_t len, struct report *report);

void source_finish(struct source *s);

/* "DIRECTORY OF THE FILE/NAME"; an absolute name as it is. To be freed. */
char *source_beside(const char *file, const char *name);

#endif
