/* criterion - a stand-in for the real one in sanitized builds: Criterion maps its shared memory
 * where the thread sanitizer keeps its own, and leaves tests by a way on which leaks are not
 * looked for. Each test is a forked process here too, one after the other, reported as TAP. */
#ifndef TAILSPLICE_TESTS_PLAIN_CRITERION_H
#define TAILSPLICE_TESTS_PLAIN_CRITERION_H

struct plain_test {
	const char *suite, *name;
	void (*body)(void);
	struct plain_test *next;
};

void plain_add(struct plain_test *t);
__attribute__((format(printf, 4, 5))) void plain_fail(const char *file, int line,
						      const char *condition, const char *fmt, ...);
__attribute__((noreturn)) void plain_leave(void);
__attribute__((noreturn, format(printf, 1, 2))) void plain_skip(const char *fmt, ...);

#define Test(suite_, name_)                                                                     \
	static void suite_##_##name_##_body(void);                                              \
	static struct plain_test suite_##_##name_##_test = { .suite = #suite_,                  \
							     .name = #name_,                    \
							     .body = suite_##_##name_##_body }; \
	__attribute__((constructor)) static void suite_##_##name_##_add(void)                   \
	{                                                                                       \
		plain_add(&suite_##_##name_##_test);                                            \
	}                                                                                       \
	static void suite_##_##name_##_body(void)

#define cr_expect(condition, ...)                                                    \
	do {                                                                         \
		if (!(condition))                                                    \
			plain_fail(__FILE__, __LINE__, #condition, " " __VA_ARGS__); \
	} while (0)

#define cr_assert(condition, ...)                                                    \
	do {                                                                         \
		if (!(condition)) {                                                  \
			plain_fail(__FILE__, __LINE__, #condition, " " __VA_ARGS__); \
			plain_leave();                                               \
		}                                                                    \
	} while (0)

#define cr_skip_test(...) plain_skip(" " __VA_ARGS__)

#endif
