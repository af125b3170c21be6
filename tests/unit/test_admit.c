/* How many flows there may be: exact across threads; and what the descriptors allow. */
#include "edge/admit.h"

#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

#include "base/bits.h"
#include "base/log.h"
#include "check.h"
#include "support/fds.h"

Test(admit, exact)
{
	struct admit a;

	admit_init(&a, 3);
	for (int i = 0; i < 3; i++) {
		expect_num(admit_room(&a), 3 - i, "room");
		cr_expect(admit_enter(&a), "%d", i);
	}
	expect_num(admit_room(&a), 0, "room");
	cr_expect(!admit_enter(&a), "full");
	cr_expect(!admit_enter(&a), "still full");
	admit_leave(&a);
	cr_expect(admit_enter(&a), "one left");
	cr_expect(!admit_enter(&a), "full again");
}

enum { THREADS = 4, PLACES = 10, ROUNDS = 20000 };

struct crowd {
	struct admit admit;
	atomic_size_t inside, most, entered;
};

static void *come_and_go(void *arg)
{
	struct crowd *c = arg;

	for (int i = 0; i < ROUNDS; i++) {
		size_t held = 0, now;

		while (held < PLACES && admit_enter(&c->admit)) {
			held++;
			now = atomic_fetch_add(&c->inside, 1) + 1;
			for (size_t most = c->most; now > most;)
				if (atomic_compare_exchange_weak(&c->most, &most, now))
					break;
		}
		atomic_fetch_add(&c->entered, held);
		for (; held; held--) {
			atomic_fetch_sub(&c->inside, 1);
			admit_leave(&c->admit);
		}
	}
	return NULL;
}

Test(admit, never_too_many)
{
	pthread_t threads[THREADS];
	struct crowd c = { 0 };

	admit_init(&c.admit, PLACES);
	for (int i = 0; i < THREADS; i++)
		pthread_create(&threads[i], NULL, come_and_go, &c);
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	cr_expect(c.most <= PLACES, "%zu at a time", (size_t)c.most);
	cr_expect(c.entered > 0);
	expect_num(c.admit.flows, 0, "flows at the end");
	expect_num(admit_room(&c.admit), PLACES, "room at the end");
}

static const char *take_log(int fd)
{
	static char text[4096];
	ssize_t n = fd_read(fd, text, sizeof(text) - 1);

	text[max_of(n, 0)] = '\0';
	return text;
}

static void strain_and_ease(struct admit *a)
{
	while (admit_enter(a))
		;
	for (int i = 0; i < 5; i++)
		admit_strain(a, "max-flows reached");
	while (a->flows)
		admit_leave(a);
}

Test(admit, strain_is_said_once_and_once_when_over)
{
	const char *text;
	struct admit a;
	int ends[2];

	cr_assert(pipe(ends) == 0);
	log_setup_fd(ends[1]);
	admit_init(&a, 100);
	while (admit_enter(&a))
		;
	for (int i = 0; i < 5; i++)
		admit_strain(&a, "max-flows reached");
	text = take_log(ends[0]);
	expect_has(text, "accept paused: max-flows reached; 100 flows of at most 100", "begin");
	cr_expect(strchr(text, '\n') == text + strlen(text) - 1, "one line: %s", text);
	admit_leave(&a);
	expect_str(take_log(ends[0]), "", "one place is not the end of it");
	while (a.flows)
		admit_leave(&a);
	text = take_log(ends[0]);
	expect_has(text, "accept goes on without pauses", "end");
	expect_has(text, "paused 5 times", "end");
	cr_expect(strchr(text, '\n') == text + strlen(text) - 1, "one line: %s", text);
}

Test(admit, strain_that_comes_and_goes_is_told_once)
{
	struct admit a;
	int ends[2];

	cr_assert(pipe(ends) == 0);
	log_setup_fd(ends[1]);
	admit_init(&a, 10);
	strain_and_ease(&a);
	cr_expect(strlen(take_log(ends[0])) > 0, "the first time");
	for (int i = 0; i < 50; i++)
		strain_and_ease(&a);
	expect_str(take_log(ends[0]), "", "the same story");
	expect_num(a.pauses, 51 * 5, "counted all the same");
}

/* Also where so few are meant that a part of them is nothing. */
Test(admit, strain_of_few_ends_too)
{
	struct admit a;
	int ends[2];

	cr_assert(pipe(ends) == 0);
	log_setup_fd(ends[1]);
	for (size_t most = 1; most < 12; most++) {
		admit_init(&a, most);
		strain_and_ease(&a);
		expect_has(take_log(ends[0]), "accept goes on", "all left");
	}
}

Test(admit, budget)
{
	static const struct {
		size_t limit, fixed, pipes, flows;
	} rows[] = {
		{ 20000, 40, 256, 9724 }, { 1024, 24, 25, 475 }, { 1048576, 100, 256, 523982 },
		{ 100, 20, 2, 38 },	  { 30, 20, 2, 3 },	 { 26, 20, 2, 1 },
		{ 10, 20, 2, 1 },	  { 0, 0, 2, 1 },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct fd_budget b = admit_budget(rows[i].limit, rows[i].fixed);
		char label[40];

		snprintf(label, sizeof(label), "%zu of %zu", rows[i].fixed, rows[i].limit);
		expect_num(b.limit, rows[i].limit, label);
		expect_num(b.pipes, rows[i].pipes, label);
		expect_num(b.max_flows, rows[i].flows, label);
	}
}

Test(admit, budget_is_never_overdrawn)
{
	for (size_t fixed = 20; fixed < 2000; fixed += 37)
		for (size_t limit = fixed + 8; limit < 3 * fixed + 5000; limit += 91) {
			struct fd_budget b = admit_budget(limit, fixed);
			size_t used = fixed + 2 * b.pipes + 2 * b.max_flows;

			/* One flow there is in any case. */
			cr_assert(used <= limit || b.max_flows == 1, "%zu of %zu with %zu fixed",
				  used, limit, fixed);
			cr_assert(used + 2 > limit, "%zu of %zu: some are left", used, limit);
		}
}
