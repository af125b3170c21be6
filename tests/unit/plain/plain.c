#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "criterion/criterion.h"

enum { PASSED, FAILED, SKIPPED };

static struct plain_test *tests;
static atomic_int result = PASSED;

void plain_add(struct plain_test *t)
{
	t->next = tests;
	tests = t;
}

void plain_fail(const char *file, int line, const char *condition, const char *fmt, ...)
{
	char text[1024];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	fprintf(stderr, "# %s:%d: %s:%s\n", file, line, condition, text);
	result = FAILED;
}

/* The search for leaks opens files, which a test of exhausted descriptors cannot any more. */
static void allow_descriptors(void)
{
	struct rlimit limit;

	getrlimit(RLIMIT_NOFILE, &limit);
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
}

void plain_leave(void)
{
	allow_descriptors();
	exit(result);
}

void plain_skip(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vfprintf(stderr, fmt, args);
	va_end(args);
	exit(SKIPPED);
}

static const char *run(const struct plain_test *t)
{
	int status = 0;
	pid_t child;

	fflush(stdout);
	child = fork();
	if (child == 0) {
		t->body();
		plain_leave();
	}
	if (child < 0 || waitpid(child, &status, 0) < 0)
		return "not ok";
	if (WIFEXITED(status) && WEXITSTATUS(status) == SKIPPED)
		return "skip";
	return WIFEXITED(status) && WEXITSTATUS(status) == PASSED ? "ok" : "not ok";
}

int main(void)
{
	int count = 0, number = 0;

	for (struct plain_test *t = tests; t; t = t->next)
		count++;
	printf("1..%d\n", count);
	for (struct plain_test *t = tests; t; t = t->next) {
		const char *outcome = run(t);
		bool skipped = outcome[0] == 's';

		printf("%s %d %s::%s%s\n", skipped ? "ok" : outcome, ++number, t->suite, t->name,
		       skipped ? " # SKIP" : "");
	}
	return 0;
}
