/* What is written, when, and that a reader who does not read stops nobody. */
#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <pty.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/bits.h"
#include "check.h"
#include "support/fds.h"
#include "support/json.h"

/* The log goes into a pipe; the end to read from. */
static int log_to_pipe(enum line_format format, enum log_level level)
{
	int ends[2];

	cr_assert(pipe(ends) == 0);
	log_setup(format, level);
	log_setup_fd(ends[1]);
	return ends[0];
}

static const char *take_log(int fd)
{
	static char text[65536];
	ssize_t n = fd_read(fd, text, sizeof(text) - 1);

	text[max_of(n, 0)] = '\0';
	return text;
}

Test(log, level)
{
	static const enum log_level levels[] = { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG };
	static const char *const all[] = { "level=error msg=e\n", "level=warn msg=w\n",
					   "level=info msg=i\n", "level=debug msg=d\n" };
	int fd = log_to_pipe(LINE_LOGFMT, LOG_INFO);
	char wanted[200];

	for (size_t l = 0; l < ARRAY_LEN(levels); l++) {
		log_setup(LINE_LOGFMT, levels[l]);
		log_error("e");
		log_warn("w");
		log_info("i");
		log_debug("d");
		wanted[0] = '\0';
		for (size_t k = 0; k <= l; k++)
			strcat(wanted, all[k]);
		expect_str(take_log(fd), wanted, "lines");
		for (size_t k = 0; k < ARRAY_LEN(levels); k++)
			cr_expect(log_wants(levels[k]) == (k <= l), "%zu at %zu", k, l);
	}
}

Test(log, starts_with_logfmt_and_info)
{
	expect_num(log_format(), LINE_LOGFMT, "format");
	cr_expect(log_wants(LOG_INFO) && !log_wants(LOG_DEBUG));
}

Test(log, formats)
{
	int fd = log_to_pipe(LINE_LOGFMT, LOG_INFO);

	log_warn("%d flows of \"%s\"", 3, "mail");
	expect_str(take_log(fd), "level=warn msg=\"3 flows of \\\"mail\\\"\"\n", "logfmt");
	log_setup(LINE_JSON, LOG_INFO);
	log_warn("%d flows of \"%s\"", 3, "mail");
	expect_str(take_log(fd), "{\"level\":\"warn\",\"msg\":\"3 flows of \\\"mail\\\"\"}\n",
		   "json");
}

Test(log, errno_survives)
{
	int fd = log_to_pipe(LINE_LOGFMT, LOG_INFO);

	errno = ENOTTY;
	log_info("x");
	expect_num(errno, ENOTTY, "written");
	close(fd);
	signal(SIGPIPE, SIG_IGN);
	errno = ENOTTY;
	log_info("x");
	expect_num(errno, ENOTTY, "not written");
	expect_num(log_dropped(), 1, "nobody is there to read");
}

Test(log, a_long_text_is_one_valid_line)
{
	int fd = log_to_pipe(LINE_JSON, LOG_INFO);
	static char text[5000];
	const char *line;

	/* Cut at any place: characters of two bytes, at even and at odd places. */
	for (int odd = 0; odd < 2; odd++) {
		memset(text, 'x', sizeof(text) - 1);
		for (size_t i = (size_t)odd; i + 2 < sizeof(text); i += 2)
			memcpy(text + i, "\xc3\xbc", 2);
		log_info("%s", text);
		line = take_log(fd);
		cr_expect(json_is_line(line, strlen(line)), "%d: %zu bytes", odd, strlen(line));
	}
}

/* Nobody reads `fd`: log until lines are dropped, far less than alarm(2) allows. */
static void log_until_dropped(void)
{
	alarm(3);
	for (int i = 0; i < 100000 && log_dropped() < 100; i++)
		log_info("a line that nobody reads, %080d", i);
	alarm(0);
	cr_assert(log_dropped() >= 100, "%d lines dropped", (int)log_dropped());
}

static size_t count_lines(int fd, char *last, size_t size)
{
	size_t lines = 0;
	const char *text;

	while (text = take_log(fd), *text) {
		for (const char *end; (end = strchr(text, '\n')); text = end + 1, lines++)
			snprintf(last, size, "%.*s", (int)(end - text), text);
		cr_expect(*text == '\0', "a line was cut: %s", text);
	}
	return lines;
}

Test(log, a_pipe_that_nobody_reads)
{
	int fd = log_to_pipe(LINE_LOGFMT, LOG_INFO);
	char last[300], wanted[300];
	unsigned long long dropped;

	log_until_dropped();
	dropped = log_dropped();
	cr_expect(count_lines(fd, last, sizeof(last)) > 10, "what fitted is there");
	log_info("again");
	snprintf(wanted, sizeof(wanted),
		 "level=warn msg=\"log lines dropped: the reader of the log did not keep up\" "
		 "dropped=%llu\nlevel=info msg=again\n",
		 dropped);
	expect_str(take_log(fd), wanted, "the loss is told first");
	log_info("once");
	expect_str(take_log(fd), "level=info msg=once\n", "and only once");
	expect_num(log_dropped(), dropped, "dropped");
}

Test(log, a_socket_that_nobody_reads)
{
	int ends[2];

	cr_assert(socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0);
	log_setup_fd(ends[1]);
	log_until_dropped();
}

Test(log, a_terminal_that_nobody_reads)
{
	int master, slave;

	if (openpty(&master, &slave, NULL, NULL, NULL) < 0)
		cr_skip_test("no pseudo terminal here: %s", strerror(errno));
	log_setup_fd(slave);
	log_until_dropped();
}

enum { WRITERS = 4, LINES = 2000 };

static void *write_lines(void *arg)
{
	for (int i = 0; i < LINES; i++)
		log_info(
			"writer %d line %d %.*s end", *(int *)arg, i, i % 100,
			"....................................................................................................");
	return NULL;
}

struct seen {
	int fd;
	unsigned long long whole, reported;
};

static void judge(struct seen *s, const char *line)
{
	unsigned long long dropped;
	const char *count = strstr(line, "\" dropped=");

	if (count && sscanf(count, "\" dropped=%llu", &dropped) == 1)
		s->reported += dropped;
	else if (strncmp(line, "level=info msg=\"writer ", 23) == 0 &&
		 strcmp(line + strlen(line) - 5, " end\"") == 0)
		s->whole++;
	else
		cr_expect(false, "a broken line: %s", line);
}

static void *read_slowly(void *arg)
{
	struct seen *s = arg;
	FILE *in = fdopen(s->fd, "r");
	char line[500];

	for (int i = 0; fgets(line, sizeof(line), in); i++) {
		line[strcspn(line, "\n")] = '\0';
		judge(s, line);
		if (i % 200 == 0)
			poll(NULL, 0, 1);
	}
	fclose(in);
	return NULL;
}

Test(log, lines_of_many_writers_stay_whole)
{
	int ends[2], numbers[WRITERS];
	pthread_t writers[WRITERS], reader;
	struct seen seen = { 0 };

	cr_assert(pipe(ends) == 0);
	seen.fd = ends[0];
	log_setup_fd(ends[1]);
	pthread_create(&reader, NULL, read_slowly, &seen);
	for (int i = 0; i < WRITERS; i++) {
		numbers[i] = i;
		pthread_create(&writers[i], NULL, write_lines, &numbers[i]);
	}
	for (int i = 0; i < WRITERS; i++)
		pthread_join(writers[i], NULL);
	close(ends[1]);
	pthread_join(reader, NULL);
	expect_num(seen.whole + log_dropped(), WRITERS * LINES, "read and dropped");
	cr_expect(seen.reported <= log_dropped(), "%llu", seen.reported);
	cr_expect(seen.whole > 100, "%llu", seen.whole);
}

Test(log, panic_says_it_and_aborts)
{
	int fd = log_to_pipe(LINE_LOGFMT, LOG_ERROR), status;
	pid_t child = fork();

	if (child == 0) {
		signal(SIGABRT, SIG_DFL);
		panic("state %d", 7);
	}
	cr_assert(waitpid(child, &status, 0) == child);
	cr_expect(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT, "status %x",
		  (unsigned)status);
	expect_str(take_log(fd), "level=error msg=\"state 7\"\n", "panic");
}
