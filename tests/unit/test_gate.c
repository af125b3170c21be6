/* Places of one listener within those of all. */
#include "edge/gate.h"

#include <pthread.h>
#include <unistd.h>

#include "base/log.h"
#include "check.h"

Test(gate, one_for_each_name)
{
	struct gates gates = { 0 };
	struct gate *mail = gate_of(&gates, "mail"), *web = gate_of(&gates, "web");

	cr_expect(mail != web && gate_of(&gates, "mail") == mail && gate_of(&gates, "web") == web);
	expect_num(mail->number, 0, "first");
	expect_num(web->number, 1, "second");
	gates_finish(&gates);
	expect_num(gates.count, 0, "finished");
}

Test(gate, both_must_have_room)
{
	struct gates gates = { 0 };
	struct gate *g = gate_of(&gates, "mail");
	struct admit all;

	admit_init(&all, 3);
	expect_num(gate_room(g, &all), 3, "no limit of its own");
	admit_set_limit(&g->admit, 2);
	expect_num(gate_room(g, &all), 2, "its own");
	cr_expect(gate_enter(g, &all) && gate_enter(g, &all) && !gate_enter(g, &all));
	expect_num(all.flows, 2, "a refused one holds no place in all");
	expect_num(gate_room(g, &all), 0, "full");
	cr_expect(gate_enter(NULL, &all), "another listener");
	gate_leave(g, &all);
	expect_num(gate_room(g, &all), 1, "one left");
	cr_expect(gate_enter(g, &all) && !gate_enter(NULL, &all));
	expect_num(g->admit.flows, 2, "its own");
	admit_set_limit(&g->admit, 5);
	cr_expect(!gate_enter(g, &all), "all are full");
	expect_num(g->admit.flows, 2, "a refused one holds no place here");
	gate_leave(g, &all);
	gate_leave(g, &all);
	gate_leave(NULL, &all);
	expect_num(all.flows, 0, "all");
	expect_num(g->admit.flows, 0, "its own");
	gates_finish(&gates);
}

/* Who is told about which limit. */
Test(gate, strain_is_that_of_the_listener)
{
	struct gates gates = { 0 };
	struct gate *g = gate_of(&gates, "mail");
	struct admit all;
	char text[400];
	int log[2];
	ssize_t n;

	cr_assert(pipe(log) == 0);
	log_setup_fd(log[1]);
	admit_init(&all, 9);
	admit_set_limit(&g->admit, 1);
	cr_assert(gate_enter(g, &all));
	gate_strain(g, &all);
	log_setup_fd(STDERR_FILENO);
	close(log[1]);
	n = read(log[0], text, sizeof(text) - 1);
	text[n > 0 ? n : 0] = '\0';
	expect_str(
		text,
		"level=warn msg=\"mail: accept paused: max-flows reached; 1 flows of at most 1; clients "
		"wait until a flow ends (raise its max-flows)\"\n",
		"log");
	cr_expect(atomic_load(&g->admit.strained) && !atomic_load(&all.strained));
	close(log[0]);
	gates_finish(&gates);
}

enum { THREADS = 4, ROUNDS = 50000, PLACES = 3 };

static struct {
	struct admit all;
	struct gate *gate;
	atomic_size_t inside;
	atomic_bool over;
} desk;

static void *come_and_go(void *arg)
{
	(void)arg;
	for (int i = 0; i < ROUNDS; i++) {
		if (!gate_enter(desk.gate, &desk.all))
			continue;
		if (atomic_fetch_add(&desk.inside, 1) >= PLACES)
			atomic_store(&desk.over, true);
		atomic_fetch_sub(&desk.inside, 1);
		gate_leave(desk.gate, &desk.all);
	}
	return NULL;
}

Test(gate, exact_across_threads)
{
	pthread_t threads[THREADS];
	struct gates gates = { 0 };

	admit_init(&desk.all, 100);
	desk.gate = gate_of(&gates, "mail");
	admit_set_limit(&desk.gate->admit, PLACES);
	for (int i = 0; i < THREADS; i++)
		cr_assert(pthread_create(&threads[i], NULL, come_and_go, NULL) == 0);
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	cr_expect(!desk.over, "more than %d", PLACES);
	expect_num(desk.all.flows, 0, "all");
	expect_num(desk.gate->admit.flows, 0, "the listener's");
	gates_finish(&gates);
}
