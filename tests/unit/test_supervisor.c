/* The whole running program, in a process of its own: signals, what it refuses, what it leaves. */
#include "control/supervisor.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"
#include "edge/judge.h"
#include "support/configs.h"
#include "support/fds.h"
#include "support/turns.h"

/* Of the sanitizers; _exit(2) passes it by. */
__attribute__((weak)) void __lsan_do_leak_check(void);

struct process {
	pid_t pid;
	int said; /* its standard error */
	struct addr at;
};

/* The child alone has one thread, as supervisor_run() wants it. */
static void run(struct process *p, const char *global, const char *server)
{
	struct report report;
	struct config *c;
	struct plan plan;
	char text[500];
	int ends[2], status;

	ring_close(ring_of_test());
	snprintf(
		text, sizeof(text),
		"[global]\n%s\n[listen a]\nports = %u\nbind = 127.0.0.1\nbackend = b\n[backend b]\n"
		"server = %s\n",
		global, addr_port(&p->at), server);
	cr_assert(pipe(ends) == 0);
	p->pid = fork();
	if (p->pid == 0) {
		dup2(ends[1], STDERR_FILENO);
		close(ends[0]);
		close(ends[1]);
		report_init(&report, "test.ini");
		c = judge_text("test.ini", text, &plan, &report);
		report_print(&report, stderr);
		status = (int)supervisor_run(NULL, c, &plan);
		report_finish(&report);
		if (__lsan_do_leak_check)
			__lsan_do_leak_check();
		_exit(status);
	}
	close(ends[1]);
	p->said = ends[0];
}

static char heard[65536];

/* Reads what it says until `words` came; false at its end. */
static bool hear(struct process *p, const char *words)
{
	size_t used = 0;
	ssize_t n;

	heard[0] = '\0';
	while (!strstr(heard, words)) {
		if (!fd_wait(p->said) ||
		    (n = read(p->said, heard + used, sizeof(heard) - 1 - used)) <= 0)
			return false;
		used += (size_t)n;
		heard[used] = '\0';
	}
	return true;
}

static int status_of(struct process *p)
{
	struct pollfd gone = { .fd = p->said };
	int status = -1;

	/* Its standard error closes when it is gone. */
	while (poll(&gone, 1, 8000) == 1 && !(gone.revents & POLLHUP))
		;
	if (!(gone.revents & POLLHUP))
		kill(p->pid, SIGKILL);
	cr_assert(waitpid(p->pid, &status, 0) == p->pid);
	close(p->said);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void expect_reset(int fd, const char *label)
{
	char byte;
	int error;

	expect_num(fd_read_all(fd, &byte, 1, &error), 0, label);
	expect_num(error, ECONNRESET, label);
	close(fd);
}

Test(supervisor, one_sigterm_drains)
{
	struct process p = { .at = tcp_closed() };
	struct addr at;
	char server[ADDR_TEXT], byte;
	int listener = tcp_listen(AF_INET, 8, &at), client, fd, error;

	run(&p, "workers = 2\ndrain = 20s", addr_format(&at, server));
	cr_assert(hear(&p, "ready"), "it starts");
	client = tcp_connect(&p.at);
	cr_assert(fd_wait(listener));
	fd = accept(listener, NULL, NULL);
	kill(p.pid, SIGTERM);
	cr_expect(hear(&p, "SIGTERM: accepting no more"), "it says so");
	cr_expect(write(client, "x", 1) == 1 && fd_read_all(fd, &byte, 1, &error) == 1,
		  "the flow lives");
	close(client);
	close(fd);
	expect_num(status_of(&p), SUPERVISOR_DONE, "status");
	close(listener);
}

Test(supervisor, a_second_sigterm_ends_at_once)
{
	struct process p = { .at = tcp_closed() };
	struct addr at;
	char server[ADDR_TEXT];
	int listener = tcp_listen(AF_INET, 8, &at), client;

	run(&p, "workers = 2\ndrain = 1h", addr_format(&at, server));
	cr_assert(hear(&p, "ready"));
	client = tcp_connect(&p.at);
	cr_assert(fd_wait(listener));
	kill(p.pid, SIGTERM);
	cr_assert(hear(&p, "accepting no more"));
	kill(p.pid, SIGTERM);
	cr_expect(hear(&p, "why=drain"), "the flow's line");
	expect_reset(client, "the flow");
	expect_num(status_of(&p), SUPERVISOR_DONE, "status");
	close(listener);
}

Test(supervisor, a_sigint_ends_at_once)
{
	struct process p = { .at = tcp_closed() };
	struct addr at;
	char server[ADDR_TEXT];
	int listener = tcp_listen(AF_INET, 8, &at), client;

	run(&p, "workers = 1\ndrain = 1h", addr_format(&at, server));
	cr_assert(hear(&p, "ready"));
	client = tcp_connect(&p.at);
	cr_assert(fd_wait(listener));
	kill(p.pid, SIGINT);
	expect_reset(client, "the flow");
	expect_num(status_of(&p), SUPERVISOR_DONE, "status");
	close(listener);
}

Test(supervisor, signals_in_any_number)
{
	static const int signals[] = { SIGTERM, SIGINT, SIGTERM, SIGTERM, SIGINT };

	for (size_t round = 0; round < 6; round++) {
		struct process p = { .at = tcp_closed() };

		run(&p, "workers = 2", "127.0.0.1:9");
		cr_assert(hear(&p, "ready"));
		for (size_t i = 0; i < ARRAY_LEN(signals); i++)
			kill(p.pid, signals[(i + round) % ARRAY_LEN(signals)]);
		expect_num(status_of(&p), SUPERVISOR_DONE, "status");
	}
}

Test(supervisor, a_port_that_is_taken)
{
	struct process p;
	int listener = tcp_listen(AF_INET, 8, &p.at);

	run(&p, "workers = 2", "127.0.0.1:9");
	cr_expect(hear(&p, "Address already in use (see `ss -ltnp`"), "which, and the remedy");
	expect_num(status_of(&p), SUPERVISOR_ENVIRONMENT, "status");
	close(listener);
}

Test(supervisor, max_flows_beyond_the_descriptors)
{
	struct process p = { .at = tcp_closed() };

	run(&p, "workers = 1\nmax-flows = 9000000", "127.0.0.1:9");
	cr_assert(hear(&p, "ready"));
	expect_has(heard, "max-flows-limit", "before it serves");
	kill(p.pid, SIGTERM);
	expect_num(status_of(&p), SUPERVISOR_DONE, "status");
}
