/* Bound addresses: who may share them, and what a listener does when there is no room. */
#include "edge/listener.h"

#include <errno.h>
#include <poll.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/log.h"
#include "check.h"
#include "support/fds.h"
#include "support/turns.h"

static struct plan_entry entry_at(struct addr at)
{
	return (struct plan_entry){ .at = at,
				    .client = { .keepalive = 33000, .user_timeout = 44000 } };
}

static int open_at(struct addr at)
{
	struct plan_entry p = entry_at(at);

	return listener_open(&p);
}

static struct plan_entry free_entry(void)
{
	return entry_at(tcp_closed());
}

Test(listener, an_address_is_taken_once)
{
	struct plan_entry p = free_entry();
	int before = fds_count(), fd;

	expect_num(listener_probe(&p.at), 0, "free");
	expect_num(fds_count(), before, "probe leaves nothing");
	fd = listener_open(&p);
	cr_assert(fd >= 0, "%d", fd);
	expect_num(listener_probe(&p.at), -EADDRINUSE, "taken");
	close(fd);
	expect_num(fds_count(), before, "descriptors");
}

Test(listener, workers_share_strangers_do_not)
{
	struct plan_entry p = free_entry();
	int a = listener_open(&p), b = listener_open(&p);

	cr_assert(a >= 0 && b >= 0, "%d, %d", a, b);
	expect_num(listener_probe(&p.at), -EADDRINUSE, "taken");
	close(a);
	close(b);
}

Test(listener, families_are_sockets_of_their_own)
{
	struct addr any4 = { .v4.sin_family = AF_INET }, any6 = { .v6.sin6_family = AF_INET6 }, at;
	int fd4 = -1, fd6 = tcp_listen(AF_INET6, 1, &at);

	if (fd6 < 0)
		cr_skip_test("this machine has no IPv6 loopback");
	/* Others take ports meanwhile. */
	for (int i = 0; i < 20 && fd4 < 0; i++) {
		close(fd6);
		at = tcp_closed();
		addr_set_port(&any4, addr_port(&at));
		addr_set_port(&any6, addr_port(&at));
		fd6 = open_at(any6);
		fd4 = open_at(any4);
	}
	cr_expect(fd6 >= 0 && fd4 >= 0, "%d, %d", fd6, fd4);
	cr_expect(fd_get_option(fd6, IPPROTO_IPV6, IPV6_V6ONLY), "V6ONLY");
	close(fd4);
	close(fd6);
}

Test(listener, cannot)
{
	struct addr a;

	addr_parse(&a, "192.0.2.77", 2525);
	expect_num(listener_probe(&a), -EADDRNOTAVAIL, "not ours");
	expect_num(open_at(a), -EADDRNOTAVAIL, "not ours");
	fds_exhaust();
	a = loopback(AF_INET, 0);
	expect_num(open_at(a), -EMFILE, "descriptors");
}

/* tailscaled may come up after us. */
Test(listener, an_address_of_the_tailnet_may_come_later)
{
	static const char *const literals[] = { "100.64.250.1", "fd7a:115c:a1e0::fafa" };
	struct addr a;
	int fd;

	for (size_t i = 0; i < 2; i++) {
		addr_parse(&a, literals[i], 2525);
		if (listener_probe(&a) == -EAFNOSUPPORT)
			continue;
		expect_num(listener_probe(&a), -EADDRNOTAVAIL, literals[i]);
		fd = open_at(a);
		cr_expect(fd >= 0, "%s: %d", literals[i], fd);
		close(fd);
	}
}

Test(listener, connections_inherit_the_options)
{
	struct plan_entry p = free_entry();
	int listener = listener_open(&p), client = tcp_connect(&p.at), fd;

	fd = accept(listener, NULL, NULL);
	cr_assert(fd >= 0);
	cr_expect(fd_get_option(fd, IPPROTO_TCP, TCP_NODELAY), "TCP_NODELAY");
	cr_expect(fd_get_option(fd, SOL_SOCKET, SO_OOBINLINE), "SO_OOBINLINE");
	expect_num(fd_get_option(fd, IPPROTO_TCP, TCP_KEEPIDLE), 33, "keepalive");
	expect_num(fd_get_option(fd, IPPROTO_TCP, TCP_USER_TIMEOUT), 44000, "user-timeout");
	close(fd);
	close(client);
	close(listener);
}

static struct {
	struct ring *ring;
	struct timers timers;
	struct plan_entry plan;
	struct listener listener;
	struct admit admit;
	int fd[64], count, refused;
} desk;

static void on_accepted(struct listener *l, int fd, bool admitted)
{
	cr_expect(l == &desk.listener);
	desk.refused += !admitted;
	desk.fd[desk.count++] = fd;
}

static void set_up(size_t max_flows)
{
	desk.ring = ring_of_test();
	timers_init(&desk.timers);
	desk.plan = free_entry();
	log_setup(LINE_LOGFMT, LOG_ERROR);
	admit_init(&desk.admit, max_flows);
	desk.listener = (struct listener){ .fd = listener_open(&desk.plan),
					   .plan = &desk.plan,
					   .accepted = on_accepted };
	cr_assert(desk.listener.fd >= 0);
	listener_start(&desk.listener, desk.ring, &desk.timers, &desk.admit);
}

static bool has_all(void *count)
{
	return desk.count >= *(int *)count;
}

static void expect_accepted(int count, const char *label)
{
	turn_until(desk.ring, has_all, &count);
	turn_for(desk.ring, 20);
	expect_num(desk.count, count, label);
}

Test(listener, waits_for_room)
{
	int client[6];

	set_up(3);
	for (int i = 0; i < 6; i++)
		client[i] = tcp_connect(&desk.plan.at);
	expect_accepted(3, "as many as there are places");
	listener_resume(&desk.listener);
	expect_accepted(3, "there is still no place");
	admit_leave(&desk.admit);
	listener_resume(&desk.listener);
	expect_accepted(4, "one place");
	for (int i = 0; i < 2; i++) {
		admit_leave(&desk.admit);
		listener_resume(&desk.listener);
	}
	expect_accepted(6, "nobody was lost");
	expect_num(desk.refused, 0, "nobody was refused");
	expect_num(desk.admit.flows, 3, "places taken");
	for (int i = 0; i < 6; i++) {
		close(client[i]);
		close(desk.fd[i]);
	}
	listener_close(&desk.listener);
	turn_for(desk.ring, 10);
	cr_expect(!desk.listener.accept.armed, "accept ended");
	ring_close(desk.ring);
}

Test(listener, close_takes_what_waits)
{
	int client[4];

	set_up(2);
	for (int i = 0; i < 4; i++)
		client[i] = tcp_connect(&desk.plan.at);
	expect_accepted(2, "places");
	listener_close(&desk.listener);
	listener_close(&desk.listener);
	turn_for(desk.ring, 20);
	expect_num(desk.count, 4, "all were taken");
	expect_num(desk.refused, 2, "without a place");
	expect_num(desk.listener.fd, -1, "fd");
	expect_num(listener_probe(&desk.plan.at), 0, "the address is free again");
	for (int i = 0; i < 4; i++) {
		close(client[i]);
		close(desk.fd[i]);
	}
	ring_close(desk.ring);
}

Test(listener, survives_a_lack_of_descriptors)
{
	int client[2], spare;

	set_up(1000);
	for (int i = 0; i < 2; i++)
		client[i] = tcp_connect(&desk.plan.at);
	spare = dup(0);
	fds_exhaust();
	expect_accepted(0, "no descriptor");
	cr_expect(desk.listener.paused, "it pauses and does not spin");
	expect_num(desk.admit.pauses, 1, "counted");
	close(spare);
	listener_resume(&desk.listener);
	expect_accepted(1, "one descriptor");
	close(client[0]);
	listener_resume(&desk.listener);
	expect_accepted(2, "nobody was lost");
	ring_close(desk.ring);
}

/* A handshake that begins now is refused, so that nobody is connected and then reset. */
Test(listener, leaves_without_losing_anybody)
{
	int early, late = socket(AF_INET, SOCK_STREAM, 0);

	set_up(100);
	early = tcp_connect(&desk.plan.at);
	listener_leave(&desk.listener);
	listener_leave(&desk.listener);
	cr_expect(connect(late, &desk.plan.at.sa, addr_len(&desk.plan.at)) < 0 &&
			  errno == ECONNREFUSED,
		  "no handshake");
	expect_accepted(1, "who was connected");
	cr_expect(!listener_gone(&desk.listener), "it waits for handshakes under way");
	for (int i = 0; i < 300 && !listener_gone(&desk.listener); i++) {
		turn_for(desk.ring, 10);
		timers_run(&desk.timers, timer_now());
	}
	cr_expect(listener_gone(&desk.listener), "closed");
	expect_num(desk.count, 1, "accepted");
	close(late);
	close(early);
	close(desk.fd[0]);
	timers_finish(&desk.timers);
	ring_close(desk.ring);
}

Test(listener, leaves_an_inherited_queue_alone)
{
	int client, ours;

	set_up(100);
	desk.listener.inherited = true;
	ours = dup(desk.listener.fd);
	listener_leave(&desk.listener);
	turn_for(desk.ring, 20);
	cr_expect(listener_gone(&desk.listener), "at once");
	client = tcp_connect(&desk.plan.at);
	turn_for(desk.ring, 20);
	expect_num(desk.count, 0, "not ours any more");
	desk.fd[0] = accept(ours, NULL, NULL);
	cr_expect(desk.fd[0] >= 0, "whoever has the socket serves it");
	close(client);
	close(desk.fd[0]);
	close(ours);
	timers_finish(&desk.timers);
	ring_close(desk.ring);
}
