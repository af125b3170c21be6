#include "edge/tarpit.h"

#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "relay/relay.h"

static void let_go(struct tarpit *t)
{
	int fd = t->at[t->first].fd;

	t->first = (t->first + 1) % t->room;
	t->count--;
	reset_on_close(fd);
	close(fd);
}

/* All are held for the same time: the first is the next. */
static msec_t tick(struct timer *timer, msec_t now)
{
	struct tarpit *t = container_of(timer, struct tarpit, timer);

	while (t->count && t->at[t->first].due <= now)
		let_go(t);
	return t->count ? t->at[t->first].due : TIMER_NONE;
}

void tarpit_init(struct tarpit *t, struct timers *timers, size_t room)
{
	*t = (struct tarpit){ .timers = timers, .timer.tick = tick, .room = room };
}

void tarpit_finish(struct tarpit *t)
{
	timer_stop(t->timers, &t->timer);
	while (t->count)
		let_go(t);
	free(t->at);
	t->at = NULL;
}

/* What a client sends stays in the kernel: as little as it takes (socket(7): doubled, and at least 2304 bytes). Then its window is
 * closed, and it waits. */
static void narrow(int fd)
{
	const int least = 1;

	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &least, sizeof(least));
}

bool tarpit_hold(struct tarpit *t, int fd, msec_t now)
{
	if (!t->at && t->room)
		t->at = malloc(t->room * sizeof(*t->at));
	if (!t->at || t->count == t->room)
		return false;
	narrow(fd);
	t->at[(t->first + t->count++) % t->room] =
		(struct tarpit_place){ .fd = fd, .due = now + TARPIT_HOLD };
	if (!t->timer.slot)
		timer_set(t->timers, &t->timer, now + TARPIT_HOLD);
	return true;
}
