/* What a client gets while no server can be reached. */
#include "edge/shelter.h"

#include <errno.h>
#include <poll.h>
#include <unistd.h>

#include "check.h"
#include "engine/timer.h"
#include "support/fds.h"
#include "support/stand.h"

static const char farewell[] = "421 4.3.2 Service not available, try again later\r\n";

static void expect_why(struct stand *s, const char *why)
{
	const char *line = stand_flow_line(s);

	expect_str(field_of(line, "why"), why, line);
}

static void expect_reset(int fd, const char *label)
{
	char byte;
	int error;

	expect_num(fd_read_all(fd, &byte, 1, &error), 0, label);
	expect_num(error, ECONNRESET, label);
	close(fd);
}

static int listen_at(const struct addr *at)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	fd_set_option(fd, SOL_SOCKET, SO_REUSEADDR, 1);
	cr_assert(bind(fd, &at->sa, addr_len(at)) == 0);
	cr_assert(listen(fd, 8) == 0);
	return fd;
}

/* What was said while it waited arrives, too. */
static void expect_served(struct stand *s, int client, int listener)
{
	char got[20] = "";
	int server, error;

	cr_assert(fd_wait(listener), "the server hears of it");
	server = accept(listener, NULL, NULL);
	expect_num(fd_read_all(server, got, 4, &error), 4, "bytes");
	expect_str(got, "EHLO", "bytes");
	cr_assert(write(server, "250", 3) == 3);
	expect_num(fd_read_all(client, got, 3, &error), 3, "bytes");
	close(client);
	close(server);
	close(listener);
	expect_why(s, "client-eof");
}

static void wait_for_failure(void)
{
	poll(NULL, 0, 150);
}

Test(shelter, held_until_the_server_is_there)
{
	struct addr at = tcp_closed();
	struct stand s = { .backend_keys = "on-down = hold 20s\n" };
	int client;

	stand_start(&s, &at);
	client = tcp_connect(&s.at);
	cr_assert(write(client, "EHLO", 4) == 4);
	wait_for_failure();
	expect_served(&s, client, listen_at(&at));
	stand_stop(&s, ORDER_DRAIN);
}

Test(shelter, held_until_the_operator_says_so)
{
	struct addr at;
	struct stand s = { .backend_keys = "on-down = hold 20s\n" };
	int listener = tcp_listen(AF_INET, 8, &at), client;

	stand_start(&s, &at);
	s.fds_before--;
	server_set_admin(s.pool.at[0].server, SERVER_MAINT);
	client = tcp_connect(&s.at);
	cr_assert(write(client, "EHLO", 4) == 4);
	wait_for_failure();
	cr_expect(fd_read(listener, (char[1]){ 0 }, 0) <= 0);
	server_set_admin(s.pool.at[0].server, SERVER_READY);
	expect_served(&s, client, listener);
	stand_stop(&s, ORDER_DRAIN);
}

Test(shelter, held_for_so_long)
{
	struct addr at = tcp_closed();
	struct stand s = { .backend_keys = "on-down = hold 1s\n" };
	msec_t began = timer_now();

	stand_start(&s, &at);
	expect_reset(tcp_connect(&s.at), "in the end");
	cr_expect(timer_now() - began >= 1000, "not before");
	expect_why(&s, "connect-refused");
	stand_stop(&s, ORDER_DRAIN);
}

/* Its place is free as soon as it is gone. */
Test(shelter, the_client_gives_up)
{
	struct addr at = tcp_closed();
	struct stand s = { .backend_keys = "on-down = hold 60s\n" };

	stand_start(&s, &at);
	close(tcp_connect(&s.at));
	expect_why(&s, "client-eof");
	fd_reset(tcp_connect(&s.at));
	expect_why(&s, "client-reset");
	stand_stop(&s, ORDER_DRAIN);
}

Test(shelter, there_are_only_so_many_places)
{
	struct addr at = tcp_closed();
	struct stand s = { .backend_keys = "on-down = hold 60s\n", .max_flows = 8 };
	int held[2];

	stand_start(&s, &at);
	held[0] = tcp_connect(&s.at);
	held[1] = tcp_connect(&s.at);
	wait_for_failure();
	expect_reset(tcp_connect(&s.at), "a quarter of the flows");
	expect_why(&s, "connect-refused");
	close(held[0]);
	expect_why(&s, "client-eof");
	held[0] = tcp_connect(&s.at);
	wait_for_failure();
	stand_tell(&s, ORDER_HALT);
	expect_reset(held[0], "halt");
	expect_reset(held[1], "halt");
	expect_why(&s, "drain");
	expect_why(&s, "drain");
	stand_stop(&s, ORDER_HALT);
}

Test(shelter, a_drain_ends_it)
{
	struct addr at = tcp_closed();
	struct stand s = { .backend_keys = "on-down = hold 60s\n", .drain = 100 };
	int client;

	stand_start(&s, &at);
	client = tcp_connect(&s.at);
	wait_for_failure();
	stand_tell(&s, ORDER_DRAIN);
	expect_reset(client, "drain");
	expect_why(&s, "drain");
	stand_stop(&s, ORDER_DRAIN);
}

static void expect_farewell(int client)
{
	char got[200] = "";
	int error;

	expect_num(fd_read_all(client, got, sizeof(got) - 1, &error), sizeof(farewell) - 1,
		   "bytes");
	expect_num(error, 0, "an orderly end");
	expect_str(got, farewell, "farewell");
}

Test(shelter, a_polite_farewell)
{
	struct addr at = tcp_closed();
	struct stand s = { .listen_keys = "profile = smtp\n",
			   .backend_keys = "on-down = smtp-421\n" };
	int client;

	stand_start(&s, &at);
	client = tcp_connect(&s.at);
	expect_farewell(client);
	close(client);
	expect_why(&s, "connect-refused");
	stand_stop(&s, ORDER_DRAIN);
}

/* A client that speaks first and much gets it whole, too: no reset overtakes it. */
Test(shelter, a_farewell_to_one_who_talks)
{
	struct addr at = tcp_closed();
	struct stand s = { .listen_keys = "profile = smtp\n",
			   .backend_keys = "on-down = smtp-421\n" };
	static char much[200000];
	int client;

	stand_start(&s, &at);
	client = tcp_connect(&s.at);
	memset(much, 'x', sizeof(much));
	for (int i = 0; i < 3; i++) {
		cr_expect(write(client, much, sizeof(much)) > 0, "%d", errno);
		poll(NULL, 0, 60);
	}
	expect_farewell(client);
	close(client);
	expect_why(&s, "connect-refused");
	stand_stop(&s, ORDER_DRAIN);
}

Test(shelter, a_farewell_needs_smtp)
{
	struct addr at = tcp_closed();
	struct stand s = { .listen_keys = "profile = imap\n",
			   .backend_keys = "on-down = smtp-421\n" };

	stand_start(&s, &at);
	expect_reset(tcp_connect(&s.at), "imap");
	expect_why(&s, "connect-refused");
	stand_stop(&s, ORDER_DRAIN);
}

Test(shelter, all_are_out_of_service)
{
	struct addr at;
	struct stand s = { .listen_keys = "profile = smtp\n" };
	int listener = tcp_listen(AF_INET, 8, &at);

	stand_start(&s, &at);
	server_set_admin(s.pool.at[0].server, SERVER_DRAIN);
	expect_reset(tcp_connect(&s.at), "reset");
	expect_why(&s, "backend-down");
	close(listener);
	s.fds_before--;
	stand_stop(&s, ORDER_DRAIN);
}

Test(shelter, pauses)
{
	static const struct {
		enum why why;
		msec_t held, pause;
	} rows[] = {
		{ WHY_NO_ADDRESS, 0, 100 },	      { WHY_BACKEND_DOWN, 60000, 100 },
		{ WHY_CONNECT_REFUSED, 0, 100 },      { WHY_CONNECT_REFUSED, 2000, 500 },
		{ WHY_CONNECT_TIMEOUT, 60000, 1000 },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		expect_num(shelter_pause(rows[i].why, 5, 5 + rows[i].held), rows[i].pause, "pause");
}
