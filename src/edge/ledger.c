#include "edge/ledger.h"

#include <stdlib.h>
#include <string.h>

#include "base/bits.h"
#include "base/memory.h"

const uint32_t latency_bounds[LATENCY_CLASSES - 1] = { 1, 2, 5, 10, 20, 50, 100, 250, 1000, 5000 };

void latency_note(struct latency *l, uint32_t ms)
{
	size_t i = 0;

	while (i < LATENCY_CLASSES - 1 && ms > latency_bounds[i])
		i++;
	l->counts[i]++;
	l->sum += ms;
}

void ledger_init(struct ledger *l)
{
	*l = (struct ledger){ 0 };
}

void ledger_finish(struct ledger *l)
{
	free(l->accounts);
	ledger_init(l);
}

void ledger_make_room(struct ledger *l, size_t count)
{
	struct account *more;

	if (count <= l->count)
		return;
	more = memory_zeroed(count, sizeof(*more));
	if (l->count)
		memcpy(more, l->accounts, l->count * sizeof(*more));
	free(l->accounts);
	l->accounts = more;
	l->count = count;
}

static void add_path(struct ledger *l, const char *name, uint64_t flows)
{
	for (size_t i = 0; i < LEDGER_PATHS; i++) {
		if (l->paths[i].name && strcmp(l->paths[i].name, name) != 0)
			continue;
		l->paths[i].name = name;
		l->paths[i].flows += flows;
		return;
	}
}

void ledger_count_path(struct ledger *l, const char *name)
{
	add_path(l, name, 1);
}

static void add_bytes(struct account *a, const struct ledger_end *e)
{
	a->live--;
	a->up += e->up;
	a->down += e->down;
}

void ledger_settle(struct ledger *l, const struct ledger_end *e)
{
	struct account *listener = &l->accounts[e->listener];
	struct account *backend = e->backend == LEDGER_NO_ACCOUNT ? NULL : &l->accounts[e->backend];

	l->ends[e->why]++;
	l->up += e->up;
	l->down += e->down;
	add_bytes(listener, e);
	if (e->path) {
		ledger_count_path(l, e->path);
		add_bytes(backend, e);
	} else if (why_is_refusal(e->why)) {
		l->refusals[e->why]++;
		listener->refused++;
	} else if (backend) {
		backend->refused++;
	}
}

void ledger_copy(struct ledger *to, const struct ledger *from)
{
	ledger_init(to);
	ledger_add(to, from);
}

static void add_account(struct account *to, const struct account *from)
{
	to->live += from->live;
	to->accepted += from->accepted;
	to->refused += from->refused;
	to->up += from->up;
	to->down += from->down;
	to->connects.sum += from->connects.sum;
	for (size_t i = 0; i < LATENCY_CLASSES; i++)
		to->connects.counts[i] += from->connects.counts[i];
}

void ledger_add(struct ledger *to, const struct ledger *from)
{
	ledger_make_room(to, from->count);
	for (size_t i = 0; i < from->count; i++)
		add_account(&to->accounts[i], &from->accounts[i]);
	to->accepted += from->accepted;
	to->up += from->up;
	to->down += from->down;
	for (size_t i = 0; i < WHY_COUNT; i++) {
		to->ends[i] += from->ends[i];
		to->refusals[i] += from->refusals[i];
	}
	for (size_t i = 0; i < LEDGER_PATHS && from->paths[i].name; i++)
		add_path(to, from->paths[i].name, from->paths[i].flows);
}

size_t roster_number(struct roster *r, const char *name, const char *address)
{
	for (size_t i = 0; i < r->count; i++) {
		const char *other = r->at[i].address;

		if (strcmp(r->at[i].name, name) == 0 &&
		    (address && other ? strcmp(address, other) == 0 : address == other))
			return i;
	}
	r->at = memory_grow(r->at, r->count, sizeof(*r->at));
	r->at[r->count] = (struct roster_entry){
		.name = memory_text(name, strlen(name)),
		.address = address ? memory_text(address, strlen(address)) : NULL,
	};
	return r->count++;
}

void roster_finish(struct roster *r)
{
	for (size_t i = 0; i < r->count; i++) {
		free(r->at[i].name);
		free(r->at[i].address);
	}
	free(r->at);
	*r = (struct roster){ 0 };
}
