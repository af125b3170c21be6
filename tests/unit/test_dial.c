/* A backend becomes a connected socket: address after address, header first. */
#include "backend/dial.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/memory.h"
#include "check.h"
#include "support/fds.h"
#include "support/turns.h"

static struct {
	struct ring *ring;
	struct backend_conf backend;
	struct registry registry;
	struct pool pool;
	struct dial_plan plan;
	struct dial dial;
	uint8_t header[PP_WRITE_MAX];
	int calls, fd, error, fds_before;
} desk;

static void on_done(struct dial *d, int fd)
{
	desk.calls++;
	desk.fd = fd;
	desk.error = d->error;
	cr_expect(!dial_busy(d), "nothing is under way any more");
}

static void set_up(enum pp_version send_proxy)
{
	desk.ring = ring_of_test();
	cr_assert(registry_open(&desk.registry) == 0);
	desk.backend.section.name = "b";
	pool_open(&desk.pool, &desk.backend, &desk.registry);
	desk.fds_before = fds_count();
	desk.backend.send_proxy = send_proxy;
	desk.plan = (struct dial_plan){ .pool = &desk.pool,
					.port = 9,
					.timeouts = { .keepalive = 30000, .user_timeout = 90000 } };
}

static void add_address(struct addr a)
{
	char host[ADDR_TEXT];
	struct pool *p = &desk.pool;

	p->at = memory_grow(p->at, p->count, sizeof(*p->at));
	p->at[p->count++] = (struct pool_member){
		.server =
			server_hold(&desk.registry, "b", addr_format_host(&a, host), addr_port(&a)),
		.weight = 1,
	};
}

static void start(void)
{
	struct addr src, dst;
	size_t len;

	addr_parse(&src, "203.0.113.7", 51234);
	addr_parse(&dst, "192.0.2.1", 25);
	len = pp_write((enum pp_version)desk.backend.send_proxy, &src, &dst, desk.header);
	desk.calls = 0;
	dial_start(&desk.dial, desk.ring, &desk.plan, &src, desk.header, len, on_done);
}

static bool is_done(void *arg)
{
	(void)arg;
	return desk.calls > 0;
}

static void finish(void)
{
	cr_assert(turn_until(desk.ring, is_done, NULL), "it never ended");
	expect_num(desk.calls, 1, "done() is called once");
}

static void tear_down(void)
{
	turn_for(desk.ring, 5);
	expect_num(desk.calls, 1, "done() is called once");
	expect_num(fds_count(), desk.fds_before, "descriptors");
	if (desk.dial.server)
		server_leave(desk.dial.server);
	for (size_t i = 0; i < desk.pool.count; i++)
		expect_num(desk.pool.at[i].server->live, 0, "connections counted");
	pool_close(&desk.pool);
	registry_close(&desk.registry);
	ring_close(desk.ring);
}

Test(dial, the_first_that_answers)
{
	struct addr at, peer;
	int listener;

	set_up(PP_OFF);
	listener = tcp_listen(AF_INET, 4, &at);
	add_address(tcp_closed());
	add_address(tcp_closed());
	add_address(at);
	add_address(tcp_closed());
	start();
	finish();
	cr_assert(desk.fd >= 0, "connected");
	expect_num(desk.error, 0, "error");
	cr_expect(addr_equal(&desk.dial.to, &at), "to the third");
	peer = (struct addr){ 0 };
	cr_expect(getpeername(desk.fd, &peer.sa, &(socklen_t){ sizeof(peer.v6) }) == 0);
	cr_expect(addr_equal(&peer, &at), "to the third");
	close(desk.fd);
	close(listener);
	tear_down();
}

Test(dial, nobody_answers)
{
	set_up(PP_V2);
	add_address(tcp_closed());
	add_address(tcp_closed());
	start();
	finish();
	expect_num(desk.fd, -1, "fd");
	expect_num(desk.error, -ECONNREFUSED, "error");
	tear_down();
}

Test(dial, no_addresses)
{
	set_up(PP_V2);
	start();
	expect_num(desk.calls, 1, "at once");
	expect_num(desk.fd, -1, "fd");
	expect_num(desk.error, POOL_NO_ADDRESS, "error");
	tear_down();
}

Test(dial, the_listeners_port_where_the_server_names_none)
{
	struct addr at, without;
	int listener;

	set_up(PP_OFF);
	listener = tcp_listen(AF_INET, 4, &at);
	without = at;
	addr_set_port(&without, 0);
	add_address(without);
	desk.plan.port = addr_port(&at);
	start();
	finish();
	cr_assert(desk.fd >= 0, "connected: %d", desk.error);
	close(desk.fd);
	close(listener);
	tear_down();
}

Test(dial, the_header_is_first_and_whole)
{
	static const char v1[] = "PROXY TCP4 203.0.113.7 192.0.2.1 51234 25\r\n";
	static const char v2[] =
		"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xcb\0\x71\x07\xc0\0\x02\x01\xc8\x22\0\x19";
	static const struct {
		enum pp_version version;
		const char *bytes;
		size_t len;
	} rows[] = { { PP_OFF, "", 0 },
		     { PP_V1, v1, sizeof(v1) - 1 },
		     { PP_V2, v2, sizeof(v2) - 1 } };

	set_up(PP_OFF);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct addr at;
		char got[200];
		int listener = tcp_listen(AF_INET, 4, &at), peer, error;
		size_t n;

		desk.backend.send_proxy = rows[i].version;
		desk.pool.count = 0;
		add_address(tcp_closed());
		add_address(at);
		start();
		finish();
		cr_assert(desk.fd >= 0);
		cr_assert(write(desk.fd, "EHLO", 4) == 4);
		close(desk.fd);
		peer = accept(listener, NULL, NULL);
		n = fd_read_all(peer, got, sizeof(got), &error);
		expect_num(n, rows[i].len + 4, "bytes");
		cr_expect(memcmp(got, rows[i].bytes, rows[i].len) == 0, "version %d",
			  rows[i].version);
		cr_expect(n >= 4 && memcmp(got + n - 4, "EHLO", 4) == 0, "then the stream");
		close(peer);
		close(listener);
	}
	tear_down();
}

Test(dial, a_black_hole_then_the_next)
{
	int hole[HOLE_FDS], listener;
	struct addr at;

	set_up(PP_V2);
	add_address(tcp_black_hole(hole));
	listener = tcp_listen(AF_INET, 4, &at);
	add_address(at);
	start();
	turn_for(desk.ring, 30);
	expect_num(desk.calls, 0, "no answer");
	cr_expect(dial_busy(&desk.dial), "it waits");
	dial_expire(&desk.dial);
	finish();
	cr_assert(desk.fd >= 0, "the next address: %d", desk.error);
	cr_expect(addr_equal(&desk.dial.to, &at), "the next address");
	close(desk.fd);
	close(listener);
	for (int i = 0; i < HOLE_FDS; i++)
		close(hole[i]);
	tear_down();
}

Test(dial, only_black_holes)
{
	int hole[HOLE_FDS];
	struct addr at;

	set_up(PP_V1);
	at = tcp_black_hole(hole);
	add_address(at);
	add_address(at);
	start();
	for (int i = 0; i < 2; i++) {
		turn_for(desk.ring, 20);
		expect_num(desk.calls, 0, "each has its own time");
		dial_expire(&desk.dial);
	}
	finish();
	expect_num(desk.fd, -1, "fd");
	expect_num(desk.error, -ETIMEDOUT, "error");
	for (int i = 0; i < HOLE_FDS; i++)
		close(hole[i]);
	tear_down();
}

Test(dial, stopped_while_it_connects)
{
	int hole[HOLE_FDS];

	set_up(PP_V2);
	add_address(tcp_black_hole(hole));
	add_address(tcp_closed());
	start();
	turn_for(desk.ring, 20);
	dial_expire(&desk.dial);
	dial_stop(&desk.dial);
	dial_stop(&desk.dial);
	finish();
	expect_num(desk.fd, -1, "fd");
	expect_num(desk.error, -ECANCELED, "error");
	for (int i = 0; i < HOLE_FDS; i++)
		close(hole[i]);
	tear_down();
}

/* Started and stopped before the kernel has heard of it. */
Test(dial, stopped_at_once)
{
	struct addr at;
	int listener;

	set_up(PP_V2);
	listener = tcp_listen(AF_INET, 4, &at);
	add_address(at);
	start();
	dial_stop(&desk.dial);
	finish();
	expect_num(desk.fd, -1, "fd");
	expect_num(desk.error, -ECANCELED, "error");
	close(listener);
	tear_down();
}

Test(dial, without_descriptors)
{
	struct addr at;

	set_up(PP_V2);
	cr_assert(tcp_listen(AF_INET, 4, &at) >= 0);
	add_address(at);
	add_address(at);
	fds_exhaust();
	start();
	finish();
	expect_num(desk.fd, -1, "fd");
	expect_num(desk.error, -EMFILE, "error");
	ring_close(desk.ring);
}

Test(dial, both_families)
{
	struct addr at;
	int listener;

	set_up(PP_OFF);
	listener = tcp_listen(AF_INET6, 4, &at);
	if (listener < 0)
		cr_skip_test("this machine has no IPv6 loopback");
	desk.fds_before = fds_count() - 1;
	add_address(tcp_closed());
	add_address(at);
	start();
	finish();
	cr_assert(desk.fd >= 0);
	expect_num(desk.dial.to.sa.sa_family, AF_INET6, "family");
	close(desk.fd);
	close(listener);
	tear_down();
}
