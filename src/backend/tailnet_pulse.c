#include "backend/tailnet_pulse.h"

#include <stdlib.h>

#include "base/memory.h"

static const struct tailnet_pulse *find(const struct tailnet_pulses *p,
					const struct tailnet_node *n)
{
	for (size_t i = 0; i < p->count; i++)
		if (addr_equal(&p->at[i].at, &n->addresses[0]))
			return &p->at[i];
	return NULL;
}

static struct tailnet_pulse beat(const struct tailnet_pulse *before, const struct tailnet_node *n,
				 msec_t now)
{
	struct tailnet_pulse next = {
		n->addresses[0], n->rx, n->tx, 0, 0, before ? before->came : now
	};

	/* Counters that went back are those of a tailscaled that was started anew. */
	if (!before || n->rx != before->rx || n->tx < before->tx)
		return next;
	next.first = before->first;
	next.last = before->last;
	if (n->tx > before->tx) {
		next.first = before->first ? before->first : now;
		next.last = now;
	}
	return next;
}

void tailnet_pulses_take(struct tailnet_pulses *p, const struct tailnet_status *s, msec_t now)
{
	struct tailnet_pulses next = { memory_zeroed(s->count, sizeof(*p->at)), s->count };

	for (size_t i = 0; i < s->count; i++) {
		next.at[i] = beat(find(p, &s->peers[i]), &s->peers[i], now);
		if (!p->at)
			next.at[i].came = 0;
	}
	tailnet_pulses_finish(p);
	*p = next;
}

bool tailnet_pulses_silent(const struct tailnet_pulses *p, const struct tailnet_node *n)
{
	const struct tailnet_pulse *pulse = find(p, n);

	return pulse && pulse->last - pulse->first >= TAILNET_SILENCE;
}

msec_t tailnet_pulses_came(const struct tailnet_pulses *p, const struct tailnet_node *n)
{
	const struct tailnet_pulse *pulse = find(p, n);

	return pulse ? pulse->came : 0;
}

void tailnet_pulses_finish(struct tailnet_pulses *p)
{
	free(p->at);
	*p = (struct tailnet_pulses){ 0 };
}
