#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static struct {
	pthread_mutex_t lock; /* keeps poll and write of one line together */
	int fd;		      /* under lock */
	atomic_int format;
	atomic_int level;
	atomic_uint_fast64_t dropped;
	uint64_t reported; /* under lock */
} sink = { .lock = PTHREAD_MUTEX_INITIALIZER, .fd = STDERR_FILENO, .level = LOG_INFO };

static const char *const level_names[] = {
	[LOG_ERROR] = "error", [LOG_WARN] = "warn", [LOG_INFO] = "info", [LOG_DEBUG] = "debug"
};

/* A terminal polls writable before it is full and then blocks, so it gets an open file of its
 * own that does not. */
static int without_blocking(int fd)
{
	char path[32];
	int own;

	if (!isatty(fd))
		return fd;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	own = open(path, O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	return own < 0 ? fd : own;
}

void log_setup(enum line_format format, enum log_level level)
{
	atomic_store(&sink.format, (int)format);
	atomic_store(&sink.level, (int)level);
	pthread_mutex_lock(&sink.lock);
	if (sink.fd == STDERR_FILENO)
		sink.fd = without_blocking(STDERR_FILENO);
	pthread_mutex_unlock(&sink.lock);
}

void log_setup_fd(int fd)
{
	pthread_mutex_lock(&sink.lock);
	sink.fd = without_blocking(fd);
	pthread_mutex_unlock(&sink.lock);
}

void log_set_level(enum log_level level)
{
	atomic_store(&sink.level, (int)level);
}

enum log_level log_level(void)
{
	return (enum log_level)atomic_load_explicit(&sink.level, memory_order_relaxed);
}

bool log_wants(enum log_level level)
{
	return (int)level <= atomic_load_explicit(&sink.level, memory_order_relaxed);
}

enum line_format log_format(void)
{
	return (enum line_format)atomic_load_explicit(&sink.format, memory_order_relaxed);
}

uint64_t log_dropped(void)
{
	return atomic_load_explicit(&sink.dropped, memory_order_relaxed);
}

/* Asking poll(2) first instead of O_NONBLOCK: that flag belongs to the open file, which is
 * shared with whoever started us (a shell, a terminal). A pipe that polls writable takes
 * PIPE_BUF bytes at once. Under the lock, since a second writer of ours could fill it. */
static bool write_if_ready(const struct line *l)
{
	struct pollfd p = { .fd = sink.fd, .events = POLLOUT };

	if (poll(&p, 1, 0) != 1 || !(p.revents & POLLOUT))
		return false;
	return write(sink.fd, l->text, l->used) == (ssize_t)l->used;
}

static void build(struct line *l, enum log_level level, const char *text)
{
	line_start(l, log_format());
	line_str(l, "level", level_names[level]);
	line_str(l, "msg", text);
}

static bool report_drops(uint64_t dropped)
{
	struct line l;

	if (dropped == sink.reported)
		return true;
	build(&l, LOG_WARN, "log lines dropped: the reader of the log did not keep up");
	line_u64(&l, "dropped", dropped - sink.reported);
	line_finish(&l);
	if (!write_if_ready(&l))
		return false;
	sink.reported = dropped;
	return true;
}

void log_line(const struct line *l)
{
	int saved = errno;

	pthread_mutex_lock(&sink.lock);
	if (!report_drops(log_dropped()) || !write_if_ready(l))
		atomic_fetch_add_explicit(&sink.dropped, 1, memory_order_relaxed);
	pthread_mutex_unlock(&sink.lock);
	errno = saved;
}

static void log_text(enum log_level level, const char *fmt, va_list args)
{
	char text[1024];
	struct line l;

	if (!log_wants(level))
		return;
	vsnprintf(text, sizeof(text), fmt, args);
	build(&l, level, text);
	line_finish(&l);
	log_line(&l);
}

#define LOG_FUNCTION(name, level)           \
	void name(const char *fmt, ...)     \
	{                                   \
		va_list args;               \
                                            \
		va_start(args, fmt);        \
		log_text(level, fmt, args); \
		va_end(args);               \
	}

LOG_FUNCTION(log_error, LOG_ERROR)
LOG_FUNCTION(log_warn, LOG_WARN)
LOG_FUNCTION(log_info, LOG_INFO)
LOG_FUNCTION(log_debug, LOG_DEBUG)

void panic(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	log_text(LOG_ERROR, fmt, args);
	va_end(args);
	abort();
}
