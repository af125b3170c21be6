/* The life of a connection in a running worker: every way it ends here, and its line in the log. */
#include "edge/flow.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

#include "check.h"
#include "support/fds.h"
#include "support/stand.h"

/* A client and a server with a flow between them. */
struct ends {
	struct addr at;
	int listener, client, server;
};

static void open_ends(struct stand *s, struct ends *e)
{
	e->listener = tcp_listen(AF_INET, 8, &e->at);
	stand_start(s, &e->at);
	s->fds_before--; /* the listener, which is closed before the end */
	e->client = tcp_connect(&s->at);
	cr_assert(fd_wait(e->listener), "the server hears of it");
	e->server = accept(e->listener, NULL, NULL);
	close(e->listener);
}

static void pass(int from, int to, const char *text)
{
	char got[100] = "";
	size_t n = strlen(text);
	int error;

	cr_assert(write(from, text, n) == (ssize_t)n);
	expect_num(fd_read_all(to, got, n, &error), n, "bytes");
	expect_str(got, text, "bytes");
}

static void expect_end(int fd, int error_wanted, const char *label)
{
	char byte;
	int error;

	expect_num(fd_read_all(fd, &byte, 1, &error), 0, label);
	expect_num(error, error_wanted, label);
}

static void expect_line(struct stand *s, const char *why, const char *up, const char *down)
{
	const char *line = stand_flow_line(s);

	expect_str(field_of(line, "why"), why, line);
	expect_str(field_of(line, "up"), up, line);
	expect_str(field_of(line, "down"), down, line);
}

Test(flow, the_client_ends_first)
{
	struct stand s = { 0 };
	struct ends e;
	struct addr me = { 0 };
	char client[ADDR_TEXT], server[ADDR_TEXT], text[40];
	const char *line;

	open_ends(&s, &e);
	cr_assert(getsockname(e.client, &me.sa, &(socklen_t){ sizeof(me.v6) }) == 0);
	pass(e.client, e.server, "EHLO");
	pass(e.server, e.client, "250 hello");
	shutdown(e.client, SHUT_WR);
	expect_end(e.server, 0, "an orderly end");
	pass(e.server, e.client, "221 bye");
	close(e.server);
	expect_end(e.client, 0, "an orderly end");
	close(e.client);
	line = stand_flow_line(&s);
	expect_str(field_of(line, "flow"), "00000001", line);
	snprintf(text, sizeof(text), "a:%u", addr_port(&s.at));
	expect_str(field_of(line, "listener"), text, line);
	expect_str(field_of(line, "client"), addr_format(&me, client), line);
	expect_str(field_of(line, "backend"), "b", line);
	expect_str(field_of(line, "server"), addr_format(&e.at, server), line);
	expect_str(field_of(line, "path"), "copy", line);
	expect_str(field_of(line, "up"), "4", line);
	expect_str(field_of(line, "down"), "16", line);
	cr_expect(atoi(field_of(line, "connect_ms")) < 1000, "%s", line);
	expect_str(field_of(line, "why"), "client-eof", line);
	stand_stop(&s, ORDER_DRAIN);
}

Test(flow, the_server_ends_first)
{
	struct stand s = { 0 };
	struct ends e;

	open_ends(&s, &e);
	pass(e.server, e.client, "421 go away");
	close(e.server);
	expect_end(e.client, 0, "an orderly end");
	close(e.client);
	expect_line(&s, "server-eof", "0", "11");
	stand_stop(&s, ORDER_DRAIN);
}

Test(flow, the_client_resets)
{
	struct stand s = { 0 };
	struct ends e;

	open_ends(&s, &e);
	pass(e.client, e.server, "DATA");
	fd_reset(e.client);
	expect_end(e.server, ECONNRESET, "a cut mail never looks complete");
	close(e.server);
	expect_line(&s, "client-reset", "4", "0");
	stand_stop(&s, ORDER_DRAIN);
}

Test(flow, the_server_resets)
{
	struct stand s = { 0 };
	struct ends e;

	open_ends(&s, &e);
	pass(e.server, e.client, "220");
	fd_reset(e.server);
	expect_end(e.client, ECONNRESET, "reset");
	close(e.client);
	expect_line(&s, "server-reset", "0", "3");
	stand_stop(&s, ORDER_DRAIN);
}

Test(flow, nothing_moves)
{
	struct stand s = { .idle = 80 };
	struct ends e;

	open_ends(&s, &e);
	for (int i = 0; i < 4; i++) {
		poll(NULL, 0, 40);
		pass(e.server, e.client, "*");
	}
	expect_end(e.client, ECONNRESET, "idle");
	expect_end(e.server, ECONNRESET, "idle");
	close(e.client);
	close(e.server);
	expect_line(&s, "idle", "0", "4");
	stand_stop(&s, ORDER_DRAIN);
}

Test(flow, half_closed_and_nothing_moves)
{
	struct stand s = { .idle = 60000, .half_closed = 60 };
	struct ends e;

	open_ends(&s, &e);
	poll(NULL, 0, 100);
	pass(e.client, e.server, "both are open: half-closed does not count");
	shutdown(e.client, SHUT_WR);
	expect_end(e.server, 0, "an orderly end");
	for (int i = 0; i < 3; i++) {
		poll(NULL, 0, 30);
		pass(e.server, e.client, "*");
	}
	expect_end(e.client, ECONNRESET, "half-closed");
	close(e.client);
	close(e.server);
	expect_line(&s, "half-closed", "41", "3");
	stand_stop(&s, ORDER_DRAIN);
}

Test(flow, nobody_listens)
{
	struct addr at = tcp_closed();
	struct stand s = { 0 };
	char text[ADDR_TEXT];
	const char *line;
	int client;

	stand_start(&s, &at);
	client = tcp_connect(&s.at);
	expect_end(client, ECONNRESET, "refused");
	close(client);
	line = stand_flow_line(&s);
	expect_str(field_of(line, "why"), "connect-refused", line);
	expect_str(field_of(line, "connect_ms"), "-", line);
	expect_str(field_of(line, "server"), addr_format(&at, text), line);
	stand_stop(&s, ORDER_DRAIN);
}

Test(flow, nobody_answers)
{
	struct stand s = { .backend_keys = "connect-timeout = 100ms\n" };
	int hole[HOLE_FDS], client;
	struct addr at = tcp_black_hole(hole);

	stand_start(&s, &at);
	client = tcp_connect(&s.at);
	expect_end(client, ECONNRESET, "no answer");
	close(client);
	expect_line(&s, "connect-timeout", "0", "0");
	stand_stop(&s, ORDER_DRAIN);
}

/* The client does not wait for the server to be reached. */
Test(flow, the_client_is_gone_before_the_server_answers)
{
	struct stand s = { .backend_keys = "connect-timeout = 200ms\n" };
	int hole[HOLE_FDS];
	struct addr at = tcp_black_hole(hole);

	stand_start(&s, &at);
	fd_reset(tcp_connect(&s.at));
	cr_expect(strlen(field_of(stand_flow_line(&s), "why")) > 0, "it ends, and says so");
	stand_stop(&s, ORDER_DRAIN);
}

Test(flow, the_server_is_told_who_calls)
{
	struct stand s = { .backend_keys = "send-proxy = v2\n" };
	struct addr me = { 0 };
	uint8_t header[28];
	struct ends e;
	struct pp pp;
	int error;

	open_ends(&s, &e);
	cr_assert(getsockname(e.client, &me.sa, &(socklen_t){ sizeof(me.v6) }) == 0);
	expect_num(fd_read_all(e.server, header, sizeof(header), &error), sizeof(header), "header");
	expect_num(pp_parse(header, sizeof(header), &pp), sizeof(header), "header");
	cr_expect(addr_equal(&pp.src, &me), "the client");
	cr_expect(addr_equal(&pp.dst, &s.at), "our address");
	pass(e.client, e.server, "EHLO");
	close(e.server);
	expect_end(e.client, 0, "an orderly end");
	close(e.client);
	expect_line(&s, "server-eof", "4", "0");
	stand_stop(&s, ORDER_DRAIN);
}

Test(flow, a_drain_lets_it_finish)
{
	struct stand s = { .drain = 5000 };
	struct ends e;

	open_ends(&s, &e);
	stand_tell(&s, ORDER_DRAIN);
	poll(NULL, 0, 30);
	pass(e.client, e.server, "still here");
	close(e.client);
	expect_end(e.server, 0, "an orderly end");
	close(e.server);
	expect_line(&s, "client-eof", "10", "0");
	stand_stop(&s, ORDER_DRAIN);
}

Test(flow, a_drain_has_an_end)
{
	struct stand s = { .drain = 60 };
	struct ends e;

	open_ends(&s, &e);
	stand_tell(&s, ORDER_DRAIN);
	expect_end(e.client, ECONNRESET, "reset");
	expect_end(e.server, ECONNRESET, "reset");
	close(e.client);
	close(e.server);
	expect_line(&s, "drain", "0", "0");
	stand_stop(&s, ORDER_DRAIN);
}

Test(flow, a_halt_has_no_patience)
{
	struct stand s = { .drain = 60000 };
	struct ends e;

	open_ends(&s, &e);
	stand_tell(&s, ORDER_DRAIN);
	poll(NULL, 0, 20);
	stand_tell(&s, ORDER_HALT);
	expect_end(e.client, ECONNRESET, "reset");
	expect_end(e.server, ECONNRESET, "reset");
	close(e.client);
	close(e.server);
	expect_line(&s, "drain", "0", "0");
	stand_stop(&s, ORDER_HALT);
}

Test(flow, a_halt_while_it_connects)
{
	struct stand s = { 0 };
	int hole[HOLE_FDS], client;
	struct addr at = tcp_black_hole(hole);

	stand_start(&s, &at);
	client = tcp_connect(&s.at);
	poll(NULL, 0, 30);
	stand_tell(&s, ORDER_HALT);
	expect_end(client, ECONNRESET, "reset");
	close(client);
	expect_line(&s, "drain", "0", "0");
	stand_stop(&s, ORDER_HALT);
}
