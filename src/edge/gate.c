#include "edge/gate.h"

#include <stdlib.h>
#include <string.h>

#include "base/bits.h"
#include "base/memory.h"

struct gate *gate_of(struct gates *gates, const char *name)
{
	struct gate *g;

	for (size_t i = 0; i < gates->count; i++)
		if (strcmp(gates->at[i]->name, name) == 0)
			return gates->at[i];
	g = memory_zeroed(1, sizeof(*g));
	g->name = memory_text(name, strlen(name));
	g->number = gates->count;
	admit_init(&g->admit, SIZE_MAX);
	g->admit.listener = g->name;
	gates->at = memory_grow(gates->at, gates->count, sizeof(struct gate *));
	gates->at[gates->count++] = g;
	return g;
}

void gates_finish(struct gates *gates)
{
	for (size_t i = 0; i < gates->count; i++) {
		free(gates->at[i]->name);
		free(gates->at[i]);
	}
	free(gates->at);
	*gates = (struct gates){ 0 };
}

bool gate_enter(struct gate *gate, struct admit *all)
{
	if (!admit_enter(all))
		return false;
	if (!gate || admit_enter(&gate->admit))
		return true;
	admit_leave(all);
	return false;
}

void gate_leave(struct gate *gate, struct admit *all)
{
	if (gate)
		admit_leave(&gate->admit);
	admit_leave(all);
}

size_t gate_room(const struct gate *gate, const struct admit *all)
{
	size_t room = admit_room(all);

	return gate ? min_of(room, admit_room(&gate->admit)) : room;
}

void gate_strain(struct gate *gate, struct admit *all)
{
	bool here = gate && admit_room(all) && !admit_room(&gate->admit);

	admit_strain(here ? &gate->admit : all, "max-flows reached");
}
