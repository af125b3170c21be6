/* While a thread moves bulk it is scheduled as SCHED_BATCH, and not a window longer. */
#include "engine/batching.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <sched.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include "check.h"

#define MIB ((uint64_t)1 << 20)

static int policy(void)
{
	struct sched_param param;
	int policy = -1;

	cr_assert(pthread_getschedparam(pthread_self(), &policy, &param) == 0);
	return policy;
}

static void set_policy(int wanted)
{
	const struct sched_param none = { 0 };

	cr_assert(pthread_setschedparam(pthread_self(), wanted, &none) == 0);
}

/* What a test does to a thread's policy ends with the thread. */
static void in_thread(void *(*body)(void *))
{
	pthread_t thread;

	cr_assert(pthread_create(&thread, NULL, body, NULL) == 0);
	cr_assert(pthread_join(thread, NULL) == 0);
}

static void *by_rate(void *arg)
{
	static const struct {
		const char *label;
		msec_t after;
		uint64_t moved;
		int policy;
	} turns[] = {
		{ "much, but the window is not over", 9, 100 * MIB, SCHED_OTHER },
		{ "it is over", 1, 0, SCHED_BATCH },
		{ "half as much", 10, MIB, SCHED_BATCH },
		{ "next to nothing, in the middle of a window", 9, 0, SCHED_BATCH },
		{ "next to nothing", 1, MIB / 4, SCHED_OTHER },
		{ "not enough to begin again", 10, MIB, SCHED_OTHER },
		{ "enough", 10, 2 * MIB, SCHED_BATCH },
		{ "as much in a long time", 100, 2 * MIB, SCHED_OTHER },
		{ "very much in a long time", 100, 20 * MIB, SCHED_BATCH },
		{ "it slept", 3600000, 0, SCHED_OTHER },
	};
	struct batching b;
	msec_t now = 1000;
	uint64_t moved = 0;

	cr_assert(batching_init(&b, now));
	for (size_t i = 0; i < ARRAY_LEN(turns); i++) {
		now += turns[i].after;
		moved += turns[i].moved;
		batching_turn(&b, now, moved);
		expect_num(policy(), turns[i].policy, turns[i].label);
	}
	return arg;
}

Test(batching, by_the_rate_of_large_moves)
{
	in_thread(by_rate);
	expect_num(policy(), SCHED_OTHER, "of this thread");
}

static void *chosen(void *arg)
{
	static const int policies[] = { SCHED_BATCH, SCHED_IDLE };
	struct batching b;

	for (size_t i = 0; i < ARRAY_LEN(policies); i++) {
		set_policy(policies[i]);
		cr_expect(batching_init(&b, 0));
		batching_turn(&b, 10, 100 * MIB);
		expect_num(policy(), policies[i], "while it moves bulk");
		batching_turn(&b, 20, 100 * MIB);
		expect_num(policy(), policies[i], "after it");
	}
	return arg;
}

Test(batching, what_somebody_chose_stays)
{
	in_thread(chosen);
}

static void forbid_policies(void)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_sched_setscheduler, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = { .len = ARRAY_LEN(code), .filter = code };

	cr_assert(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
	cr_assert(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0);
}

static void *forbidden(void *arg)
{
	struct batching b;

	forbid_policies();
	cr_expect(!batching_init(&b, 0), "it is told");
	batching_turn(&b, 10, 100 * MIB);
	expect_num(policy(), SCHED_OTHER, "nothing changed");
	return arg;
}

Test(batching, a_kernel_that_refuses)
{
	in_thread(forbidden);
}
