#include "relay/marks.h"

#include <linux/sockios.h>
#include <stdlib.h>
#include <sys/ioctl.h>

/* Milliseconds that what lies behind a mark may wait. */
#define AFTER 10

#define PLACES 512

struct marks {
	struct timer timer;
	size_t count;
	struct place {
		struct relay *relay;
		struct half *half; /* whose mark_place it is */
	} places[PLACES];
};

bool marks_here(int fd)
{
	int at_mark = 0;

	return ioctl(fd, SIOCATMARK, &at_mark) == 0 && at_mark;
}

static void look(const struct place *p)
{
	struct half *h = p->half;

	h->mark_place = 0;
	if (!h->unlooked)
		return;
	h->unlooked = false;
	if (!marks_here(half_src(p->relay, h)->fd))
		return;
	h->readable = true;
	run_soon(p->relay);
}

static msec_t tick(struct timer *t, msec_t now)
{
	struct marks *m = container_of(t, struct marks, timer);

	(void)now;
	for (size_t i = 0; i < m->count; i++)
		look(&m->places[i]);
	m->count = 0;
	return TIMER_NONE;
}

struct marks *marks_open(void)
{
	struct marks *m = calloc(1, sizeof(*m));

	if (m)
		m->timer.tick = tick;
	return m;
}

void marks_close(struct marks *m)
{
	free(m);
}

bool marks_put_off(struct relay *r, struct half *h)
{
	struct marks *m = r->host->marks;

	if (r->host->results < MARKS_CROWD)
		return false;
	if (!h->mark_place) {
		if (m->count == PLACES)
			return false;
		m->places[m->count++] = (struct place){ .relay = r, .half = h };
		h->mark_place = (uint16_t)m->count;
	}
	h->unlooked = true;
	if (!m->timer.slot)
		timer_set(r->host->timers, &m->timer, r->host->now + AFTER);
	return true;
}

/* The last takes its place. */
static void leave(struct marks *m, struct half *h)
{
	struct place *last = &m->places[m->count - 1];

	if (!h->mark_place)
		return;
	last->half->mark_place = h->mark_place;
	m->places[h->mark_place - 1] = *last;
	h->mark_place = 0;
	m->count--;
}

void marks_forget(struct relay *r)
{
	for (size_t i = 0; i < 2; i++)
		leave(r->host->marks, &r->half[i]);
}
