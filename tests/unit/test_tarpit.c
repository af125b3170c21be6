/* Clients that are kept waiting: how many, how long, and how it ends. */
#include "edge/tarpit.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "check.h"
#include "support/fds.h"

enum { ROOM = 3 };

static struct {
	struct timers timers;
	struct tarpit tarpit;
	int client[ROOM + 1], server[ROOM + 1], listening, before;
} desk;

static void connect_one(int i, const struct addr *at)
{
	desk.client[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	cr_assert(connect(desk.client[i], &at->sa, addr_len(at)) == 0);
	desk.server[i] = accept(desk.listening, NULL, NULL);
	cr_assert(desk.server[i] >= 0);
}

static void set_up(void)
{
	struct addr at;

	desk.before = fds_count();
	desk.listening = tcp_listen(AF_INET, 8, &at);
	for (int i = 0; i <= ROOM; i++)
		connect_one(i, &at);
	timers_init(&desk.timers);
	tarpit_init(&desk.tarpit, &desk.timers, ROOM);
}

static void tear_down(void)
{
	tarpit_finish(&desk.tarpit);
	timers_finish(&desk.timers);
	for (int i = 0; i <= ROOM; i++)
		close(desk.client[i]);
	close(desk.listening);
	expect_num(fds_count(), desk.before, "descriptors");
}

static bool is_held(int i)
{
	struct pollfd p = { .fd = desk.client[i], .events = POLLIN };

	return poll(&p, 1, 0) == 0;
}

static bool was_reset(int i)
{
	struct pollfd p = { .fd = desk.client[i], .events = POLLIN };
	char byte;

	return poll(&p, 1, 2000) == 1 && recv(desk.client[i], &byte, 1, 0) < 0 &&
	       errno == ECONNRESET;
}

Test(tarpit, holds_so_many_so_long)
{
	set_up();
	for (int i = 0; i < ROOM; i++)
		cr_assert(tarpit_hold(&desk.tarpit, desk.server[i], (msec_t)i * 10));
	cr_expect(!tarpit_hold(&desk.tarpit, desk.server[ROOM], 30), "it is full");
	timers_run(&desk.timers, TARPIT_HOLD - 1);
	cr_expect(is_held(0) && is_held(1) && is_held(2));
	timers_run(&desk.timers, TARPIT_HOLD);
	cr_expect(was_reset(0) && is_held(1), "the first only");
	cr_expect(tarpit_hold(&desk.tarpit, desk.server[ROOM], TARPIT_HOLD), "there is room again");
	expect_num(timers_wait(&desk.timers, TARPIT_HOLD), 10, "the next");
	timers_run(&desk.timers, TARPIT_HOLD + 20);
	cr_expect(was_reset(1) && was_reset(2) && is_held(ROOM));
	timers_run(&desk.timers, 2 * TARPIT_HOLD);
	cr_expect(was_reset(ROOM));
	cr_expect(!desk.tarpit.timer.slot, "no timer when nobody is held");
	tear_down();
}

Test(tarpit, finish_lets_go)
{
	set_up();
	for (int i = 0; i < ROOM; i++)
		cr_assert(tarpit_hold(&desk.tarpit, desk.server[i], 0));
	tarpit_finish(&desk.tarpit);
	cr_expect(was_reset(0) && was_reset(1) && was_reset(2));
	close(desk.server[ROOM]);
	tear_down();
}

/* What it sends fills its window, and no more of our memory. */
Test(tarpit, takes_little_of_what_is_sent)
{
	static char bytes[65536];
	const int least = 1;
	size_t sent = 0;
	ssize_t n;

	set_up();
	cr_assert(tarpit_hold(&desk.tarpit, desk.server[0], 0));
	for (int i = 1; i <= ROOM; i++)
		close(desk.server[i]);
	/* The client's own buffer is not ours. */
	setsockopt(desk.client[0], SOL_SOCKET, SO_SNDBUF, &least, sizeof(least));
	for (int idle = 0; idle < 20; idle++) {
		struct pollfd p = { .fd = desk.client[0], .events = POLLOUT };

		if (poll(&p, 1, 10) == 1 &&
		    (n = send(desk.client[0], bytes, sizeof(bytes), MSG_DONTWAIT)) > 0) {
			sent += (size_t)n;
			idle = 0;
		}
	}
	cr_expect(sent < 512 * 1024, "%zu bytes taken", sent);
	tear_down();
}
