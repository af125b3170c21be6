/* Several workers at once: one address, one count of flows, one log. */
#include "edge/worker.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

#include "check.h"
#include "support/fds.h"
#include "support/stand.h"

static void *echo(void *arg)
{
	int fd = *(int *)arg;
	char bytes[4096];
	ssize_t n;

	free(arg);
	while ((n = read(fd, bytes, sizeof(bytes))) > 0)
		if (write(fd, bytes, (size_t)n) != n)
			break;
	close(fd);
	return NULL;
}

/* Echoes so many connections, each in a thread, then ends. */
struct echo_server {
	pthread_t thread;
	struct addr at;
	int listener, count;
};

static void *serve(void *arg)
{
	struct echo_server *e = arg;
	pthread_t *threads = calloc((size_t)e->count, sizeof(*threads));
	int n = 0;

	for (; n < e->count && fd_wait(e->listener); n++) {
		int *fd = malloc(sizeof(*fd));

		*fd = accept(e->listener, NULL, NULL);
		pthread_create(&threads[n], NULL, echo, fd);
	}
	for (int i = 0; i < n; i++)
		pthread_join(threads[i], NULL);
	free(threads);
	close(e->listener);
	return NULL;
}

static void start_echo(struct echo_server *e, int count)
{
	e->count = count;
	e->listener = tcp_listen(AF_INET, 128, &e->at);
	pthread_create(&e->thread, NULL, serve, e);
}

static bool talk(int fd, int number)
{
	char sent[64], got[64] = "";
	int n = snprintf(sent, sizeof(sent), "client %d", number), error;

	return write(fd, sent, (size_t)n) == n &&
	       fd_read_all(fd, got, (size_t)n, &error) == (size_t)n && strcmp(sent, got) == 0;
}

enum { CLIENTS = 120 };

Test(worker, two_share_one_address)
{
	struct stand s = { .nworkers = 2 };
	struct echo_server e;
	int client[CLIENTS], before = fds_count();
	bool seen[CLIENTS + 2] = { 0 };
	size_t of_first = 0;

	start_echo(&e, CLIENTS);
	stand_start(&s, &e.at);
	for (int i = 0; i < CLIENTS; i++)
		client[i] = tcp_connect(&s.at);
	for (int i = 0; i < CLIENTS; i++)
		cr_expect(talk(client[i], i), "client %d", i);
	expect_num(s.admit.flows, CLIENTS, "flows");
	for (int i = 0; i < CLIENTS; i++)
		close(client[i]);
	for (int i = 0; i < CLIENTS; i++) {
		const char *line = stand_flow_line(&s);
		unsigned long id = strtoul(field_of(line, "flow"), NULL, 16);

		expect_str(field_of(line, "why"), "client-eof", line);
		/* Odd ones belong to the first worker, even ones to the second: none twice. */
		of_first += id % 2;
		cr_expect(id > 0, "%s", line);
		if (id < ARRAY_LEN(seen)) {
			cr_expect(!seen[id], "flow %lu twice", id);
			seen[id] = true;
		}
	}
	cr_expect(of_first > 0 && of_first < CLIENTS, "%zu of %d with the first", of_first,
		  CLIENTS);
	pthread_join(e.thread, NULL);
	s.fds_before = before;
	stand_stop(&s, ORDER_DRAIN);
}

/* More clients than places: none is refused, each is served in its turn. */
Test(worker, who_finds_no_place_waits)
{
	struct stand s = { .nworkers = 2, .max_flows = 3 };
	struct echo_server e;
	int client[24], before = fds_count(), open = 0;

	start_echo(&e, ARRAY_LEN(client));
	stand_start(&s, &e.at);
	for (size_t i = 0; i < ARRAY_LEN(client); i++)
		client[i] = tcp_connect(&s.at);
	for (size_t i = 0; i < ARRAY_LEN(client); i++)
		cr_assert(write(client[i], "x", 1) == 1);
	/* Whoever gets his answer leaves; that makes place for another. */
	for (size_t served = 0; served < ARRAY_LEN(client);) {
		struct pollfd p[ARRAY_LEN(client)];
		char byte;

		for (size_t i = 0; i < ARRAY_LEN(client); i++)
			p[i] = (struct pollfd){ .fd = client[i], .events = POLLIN };
		cr_assert(poll(p, ARRAY_LEN(client), 5000) > 0, "%zu were served", served);
		cr_expect(s.admit.flows <= 3 + STAND_WORKERS, "%zu flows", (size_t)s.admit.flows);
		for (size_t i = 0; i < ARRAY_LEN(client); i++) {
			if (!p[i].revents)
				continue;
			cr_expect(read(client[i], &byte, 1) == 1, "client %zu", i);
			close(client[i]);
			client[i] = -1;
			served++;
		}
	}
	for (size_t i = 0; i < ARRAY_LEN(client); i++) {
		const char *line = stand_flow_line(&s);

		expect_str(field_of(line, "why"), "client-eof", line);
		open++;
	}
	expect_num(open, ARRAY_LEN(client), "lines");
	pthread_join(e.thread, NULL);
	s.fds_before = before;
	stand_stop(&s, ORDER_DRAIN);
}

/* A flow that is never dry must not make its worker deaf to everybody else. */
struct flood {
	int fd;
	atomic_bool over;
};

static void *pour(void *arg)
{
	static const char bytes[65536];
	struct flood *f = arg;

	while (!f->over && send(f->fd, bytes, sizeof(bytes), MSG_NOSIGNAL) > 0)
		;
	return NULL;
}

static void *swallow(void *arg)
{
	static char bytes[1 << 18];
	struct flood *f = arg;

	while (read(f->fd, bytes, sizeof(bytes)) > 0)
		;
	return NULL;
}

Test(worker, one_flood_does_not_drown_the_others)
{
	struct stand s = { .nworkers = 1 };
	pthread_t pourer, swallower;
	struct flood up = { 0 }, down = { 0 };
	struct addr at;
	int listener = tcp_listen(AF_INET, 8, &at), client, server;
	char byte;

	stand_start(&s, &at);
	up.fd = tcp_connect(&s.at);
	cr_assert(fd_wait(listener));
	down.fd = accept(listener, NULL, NULL);
	pthread_create(&pourer, NULL, pour, &up);
	pthread_create(&swallower, NULL, swallow, &down);
	for (int i = 0; i < 20; i++) {
		client = tcp_connect(&s.at);
		cr_assert(fd_wait(listener), "a new client is let in");
		server = accept(listener, NULL, NULL);
		cr_assert(write(server, "2", 1) == 1 && fd_wait(client), "and heard");
		cr_expect(read(client, &byte, 1) == 1);
		close(client);
		close(server);
	}
	up.over = true;
	pthread_join(pourer, NULL);
	close(up.fd);
	pthread_join(swallower, NULL);
	close(down.fd);
	close(listener);
	s.fds_before--;
	stand_stop(&s, ORDER_DRAIN);
}

static void *knock(void *arg)
{
	const struct addr *at = arg;

	for (;;) {
		int fd = socket(AF_INET, SOCK_STREAM, 0);
		bool ok = connect(fd, &at->sa, addr_len(at)) == 0;

		/* By reset: thousands in TIME_WAIT would use up the ports. */
		fd_reset(fd);
		if (!ok)
			return NULL;
	}
}

/* Whoever comes at the very end is served or refused, and nothing of him is left. */
Test(worker, clients_that_come_while_it_ends)
{
	struct addr nowhere = tcp_closed();

	for (int round = 0; round < 12; round++) {
		struct stand s = { .nworkers = 2 };
		pthread_t knocker;

		stand_start(&s, &nowhere);
		pthread_create(&knocker, NULL, knock, &s.at);
		poll(NULL, 0, round % 5);
		stand_tell(&s, round % 2 ? ORDER_DRAIN : ORDER_HALT);
		pthread_join(knocker, NULL);
		stand_stop(&s, ORDER_HALT);
	}
}

Test(worker, without_descriptors)
{
	struct worker w = { .of = 1 };
	struct admit a;

	ring_close(NULL);
	admit_init(&a, 1);
	w.admit = &a;
	fds_exhaust();
	expect_num(worker_start(&w), -EMFILE, "start");
	cr_expect(!w.state);
	worker_join(&w);
	worker_free(&w);
}
