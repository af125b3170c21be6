/* One try at one address: the header is first and whole, and the socket is bound as the backend wants it. */
#include "backend/attempt.h"

#include <errno.h>
#include <netinet/in.h>
#include <unistd.h>

#include "check.h"
#include "support/dialler.h"
#include "support/fds.h"

Test(attempt, the_header_is_first_and_whole)
{
	struct dialler *d;
	static const struct {
		const char *bytes;
		size_t len;
	} rows[] = { { "", 0 },
		     { DIALLER_HEADER, sizeof(DIALLER_HEADER) - 1 },
		     { "\r\n\r\n\0\r\nQUIT\n", 12 } };

	d = dialler_open();
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct addr at;
		char got[200];
		int listener = tcp_listen(AF_INET, 4, &at);
		size_t n;

		d->nchoices = 0;
		dialler_add(d, tcp_closed());
		dialler_add(d, at);
		dialler_start_with(d, rows[i].bytes, rows[i].len);
		dialler_finish(d);
		cr_assert(d->fd >= 0);
		cr_assert(write(d->fd, "EHLO", 4) == 4);
		close(d->fd);
		n = heard(listener, got, sizeof(got));
		expect_num(n, rows[i].len + 4, "bytes");
		cr_expect(memcmp(got, rows[i].bytes, rows[i].len) == 0, "row %zu", i);
		cr_expect(n >= 4 && memcmp(got + n - 4, "EHLO", 4) == 0, "then the stream");
		close(listener);
	}
	dialler_close(d);
}

Test(attempt, both_families)
{
	struct dialler *d;
	struct addr at;
	int listener;

	d = dialler_open();
	listener = tcp_listen(AF_INET6, 4, &at);
	if (listener < 0)
		cr_skip_test("this machine has no IPv6 loopback");
	dialler_add(d, tcp_closed());
	dialler_add(d, at);
	dialler_start(d);
	dialler_finish(d);
	expect_connected(d, &at);
	expect_num(d->server->family, AF_INET6, "the family to begin with next time");
	close(d->fd);
	close(listener);
	dialler_close(d);
}

Test(attempt, from_a_source)
{
	struct dialler *d;
	struct addr at, from = { 0 }, sources[1];
	int listener;

	d = dialler_open();
	addr_parse(&sources[0], "127.0.0.9", 0);
	d->backend.source = (struct addrs){ .at = sources, .count = 1 };
	listener = tcp_listen(AF_INET, 4, &at);
	dialler_add(d, loopback(AF_INET6, addr_port(&at)));
	dialler_add(d, at);
	dialler_start(d);
	dialler_finish(d);
	expect_connected(d, &at);
	cr_assert(getsockname(d->fd, &from.sa, &(socklen_t){ sizeof(from.v6) }) == 0);
	expect_num(addr_port(&from) > 0, 1, "a port");
	addr_set_port(&from, 0);
	cr_expect(addr_equal(&from, &sources[0]), "the source");
	expect_num(fd_get_option(d->fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT), 1,
		   "no port of its own");
	close(d->fd);
	close(listener);
	dialler_close(d);
}

Test(attempt, from_a_source_that_is_not_there)
{
	struct dialler *d;
	struct addr sources[1];

	d = dialler_open();
	addr_parse(&sources[0], "192.0.2.9", 0);
	d->backend.source = (struct addrs){ .at = sources, .count = 1 };
	dialler_add(d, tcp_closed());
	dialler_start(d);
	expect_failed(d, -ENXIO);
	d->nchoices = 0;
	dialler_add(d, loopback(AF_INET6, 9));
	dialler_start(d);
	expect_failed(d, -EAFNOSUPPORT);
	dialler_close(d);
}

Test(attempt, through_a_device)
{
	struct dialler *d;
	struct addr at;
	int listener;

	d = dialler_open();
	d->backend.device = "lo";
	listener = tcp_listen(AF_INET, 4, &at);
	dialler_add(d, at);
	dialler_start(d);
	dialler_finish(d);
	expect_connected(d, &at);
	cr_expect(fd_get_option(d->fd, SOL_SOCKET, SO_BINDTOIFINDEX) > 0, "it is bound");
	close(d->fd);
	close(listener);
	d->backend.device = "none9";
	dialler_start(d);
	expect_failed(d, -ENODEV);
	dialler_close(d);
}
