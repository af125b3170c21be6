/* log - one writer to standard error for the whole process.
 * A line is one write, made only when it cannot block: when the reader of the log is stuck,
 * lines are dropped and counted, and the next line that gets through is preceded by one that
 * says how many. May be called from any thread. */
#ifndef TAILSPLICE_BASE_LOG_H
#define TAILSPLICE_BASE_LOG_H

#include <stdbool.h>
#include <stdint.h>

#include "base/line.h"

enum log_level { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG };

/* Until it is called: logfmt, info. */
void log_setup(enum line_format format, enum log_level level);

/* The descriptor to write to instead of 2; the caller keeps it open. For tests. */
void log_setup_fd(int fd);

/* From now on, until the next of both. */
void log_set_level(enum log_level level);
enum log_level log_level(void);

bool log_wants(enum log_level level);
enum line_format log_format(void);

__attribute__((format(printf, 1, 2))) void log_error(const char *fmt, ...);
__attribute__((format(printf, 1, 2))) void log_warn(const char *fmt, ...);
__attribute__((format(printf, 1, 2))) void log_info(const char *fmt, ...);
__attribute__((format(printf, 1, 2))) void log_debug(const char *fmt, ...);

/* Writes a finished line. The caller has asked log_wants(). */
void log_line(const struct line *l);

/* Lines that were dropped since the start, because nobody read the log. */
uint64_t log_dropped(void);

/* A broken invariant of ours: says it, then abort(3). Always compiled in. */
__attribute__((noreturn, format(printf, 1, 2))) void panic(const char *fmt, ...);

#endif
