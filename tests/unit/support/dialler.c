#include "dialler.h"

#include <signal.h>
#include <unistd.h>

#include "../check.h"
#include "fds.h"
#include "turns.h"

#define PATIENCE 5000

static void on_done(struct dial *dial, int fd)
{
	struct dialler *d = dial->owner;

	d->calls++;
	d->fd = fd;
	d->error = dial->error;
	d->client_gone = dial->client_gone;
	d->to = dial->chosen ? dial->chosen->at : (struct addr){ 0 };
	cr_expect(!dial->watch.armed, "nothing is under way any more");
	for (size_t i = 0; i < DIAL_AT_ONCE; i++)
		cr_expect(!dial->attempts[i].connect.armed && !dial->attempts[i].send.armed,
			  "attempt %zu", i);
	dial_free(dial);
	d->dial = NULL;
}

struct dialler *dialler_open(void)
{
	static struct dialler only;
	struct dialler *d = &only;

	signal(SIGPIPE, SIG_IGN);
	d->ring = ring_of_test();
	cr_assert(registry_open(&d->registry) == 0);
	d->fds_before = fds_count();
	d->backend.section.name = "b";
	d->backend.connect_timeout = 5000;
	d->backend.device = "auto";
	d->pool.conf = &d->backend;
	d->server = server_hold(&d->registry, "b", "127.0.0.1", 0, false);
	d->client = -1;
	d->plan = (struct dial_plan){ .pool = &d->pool,
				      .timeouts = { .keepalive = 30000, .user_timeout = 90000 } };
	return d;
}

void dialler_add(struct dialler *d, struct addr a)
{
	d->choices[d->nchoices++] = (struct choice){ .at = a, .server = d->server };
}

void dialler_start_with(struct dialler *d, const char *bytes, size_t len)
{
	d->calls = 0;
	d->dial = dial_new(d->ring, &d->timers, &d->plan, d->choices, d->nchoices);
	d->dial->owner = d;
	d->dial->done = on_done;
	d->now = timer_now() + d->ahead;
	dial_start(d->dial, (const uint8_t *)bytes, len, d->client, &d->now);
}

void dialler_start(struct dialler *d)
{
	dialler_start_with(d, DIALLER_HEADER, strlen(DIALLER_HEADER));
}

void dialler_hear(struct dialler *d)
{
	ring_wait(d->ring, 5);
	ring_dispatch(d->ring);
}

void dialler_turn(struct dialler *d)
{
	d->now = timer_now() + d->ahead;
	dialler_hear(d);
	timers_run(&d->timers, d->now);
}

/* As if so many milliseconds had gone by. */
void dialler_skip(struct dialler *d, msec_t ms)
{
	d->ahead += ms;
	d->now = timer_now() + d->ahead;
	timers_run(&d->timers, d->now);
}

void dialler_finish(struct dialler *d)
{
	msec_t end = timer_now() + PATIENCE;

	while (!d->calls && timer_now() < end)
		dialler_turn(d);
	expect_num(d->calls, 1, "done() is called once");
}

void dialler_close(struct dialler *d)
{
	for (int i = 0; i < 3; i++)
		dialler_turn(d);
	expect_num(d->calls, 1, "done() is called once");
	expect_num(d->timers.count, 0, "timers");
	expect_num(fds_count(), d->fds_before, "descriptors");
	timers_finish(&d->timers);
	server_release(d->server);
	registry_close(&d->registry);
	ring_close(d->ring);
}

void expect_connected(const struct dialler *d, const struct addr *at)
{
	struct addr peer = { 0 };

	cr_assert(d->fd >= 0, "connected: %d", d->error);
	expect_num(d->error, 0, "error");
	cr_expect(addr_equal(&d->to, at), "it says where to");
	cr_expect(getpeername(d->fd, &peer.sa, &(socklen_t){ sizeof(peer.v6) }) == 0);
	cr_expect(addr_equal(&peer, at), "and that is true");
}

void expect_failed(const struct dialler *d, int error)
{
	expect_num(d->fd, -1, "fd");
	expect_num(d->error, error, "error");
}

void close_hole(int *hole)
{
	for (int i = 0; i < HOLE_FDS; i++)
		close(hole[i]);
}

/* What a server heard of the edge's connection, which has ended. */
size_t heard(int listener, char *out, size_t size)
{
	int error, peer = accept(listener, NULL, NULL);
	size_t n;

	cr_assert(peer >= 0);
	n = fd_read_all(peer, out, size - 1, &error);
	out[n] = '\0';
	close(peer);
	return n;
}
