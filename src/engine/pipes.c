#include "engine/pipes.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

/* More than the default 64 KiB: a pipe has one slot for each fragment, and 16 slots are full
 * at 23 KB of Ethernet-sized segments. Refused by the kernel, the default does. */
#define WANTED_ROOM (256 * 1024)

/* Below this the kernel has shrunk the pipe (pipe-user-pages-soft): copying is cheaper. */
#define LEAST_ROOM (16 * 1024)

void pipes_init(struct pipes *ps, size_t budget)
{
	*ps = (struct pipes){ .budget = budget };
}

static void destroy(struct pipes *ps, struct pipe *p)
{
	close(p->in);
	close(p->out);
	free(p);
	ps->nopen--;
}

static struct pipe *take_idle(struct pipes *ps)
{
	struct pipe *p = ps->idle;

	if (!p)
		return NULL;
	ps->idle = p->next;
	ps->nidle--;
	ps->low = min_of(ps->low, ps->nidle);
	return p;
}

void pipes_finish(struct pipes *ps)
{
	struct pipe *p;

	while ((p = take_idle(ps)))
		destroy(ps, p);
}

static struct pipe *create(struct pipes *ps)
{
	struct pipe *p = malloc(sizeof(*p));
	int ends[2], room;

	if (!p)
		return NULL;
	if (pipe2(ends, O_NONBLOCK | O_CLOEXEC) < 0) {
		free(p);
		return NULL;
	}
	ps->nopen++;
	*p = (struct pipe){ .out = ends[0], .in = ends[1] };
	fcntl(p->in, F_SETPIPE_SZ, WANTED_ROOM);
	room = fcntl(p->in, F_GETPIPE_SZ);
	if (room < LEAST_ROOM) {
		destroy(ps, p);
		return NULL;
	}
	p->room = (size_t)room;
	return p;
}

struct pipe *pipes_get(struct pipes *ps)
{
	struct pipe *p = take_idle(ps);

	if (p || ps->nopen >= ps->budget)
		return p;
	return create(ps);
}

void pipes_put(struct pipes *ps, struct pipe *p)
{
	if (!p)
		return;
	if (p->held) {
		destroy(ps, p);
		return;
	}
	p->next = ps->idle;
	ps->idle = p;
	ps->nidle++;
}

void pipes_trim(struct pipes *ps)
{
	for (size_t n = ps->low; n > 0; n--)
		destroy(ps, take_idle(ps));
	ps->low = ps->nidle;
}
