/* Sockets get their options. */
#include "backend/leg_options.h"

#include <netinet/tcp.h>
#include <unistd.h>

#include "check.h"
#include "config/keys.h"
#include "support/fds.h"

Test(leg_options, what_is_set)
{
	const struct timeouts t = { .keepalive = 30000, .user_timeout = 90000 };
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	leg_options_set(fd, &t);
	cr_expect(fd_get_option(fd, IPPROTO_TCP, TCP_NODELAY));
	cr_expect(fd_get_option(fd, SOL_SOCKET, SO_OOBINLINE));
	cr_expect(fd_get_option(fd, SOL_SOCKET, SO_KEEPALIVE));
	expect_num(fd_get_option(fd, IPPROTO_TCP, TCP_KEEPIDLE), 30, "keepalive");
	expect_num(fd_get_option(fd, IPPROTO_TCP, TCP_USER_TIMEOUT), 90000, "user-timeout");
	close(fd);
}

Test(leg_options, in_two_steps)
{
	const struct timeouts t = { .keepalive = 30000, .user_timeout = 90000 };
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	leg_options_begin(fd);
	cr_expect(fd_get_option(fd, IPPROTO_TCP, TCP_NODELAY));
	cr_expect(fd_get_option(fd, SOL_SOCKET, SO_OOBINLINE));
	cr_expect(!fd_get_option(fd, SOL_SOCKET, SO_KEEPALIVE));
	leg_options_watch(fd, &t);
	cr_expect(fd_get_option(fd, SOL_SOCKET, SO_KEEPALIVE));
	expect_num(fd_get_option(fd, IPPROTO_TCP, TCP_USER_TIMEOUT), 90000, "user-timeout");
	close(fd);
}

/* tcp(7) takes at most 32767 seconds, and refuses more: what the keys allow must be taken. */
Test(leg_options, the_longest_that_can_be_configured)
{
	const struct timeouts t = { .keepalive = key_find(SECTION_LISTEN, "keepalive")->max,
				    .user_timeout = key_find(SECTION_LISTEN, "user-timeout")->max };
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	leg_options_set(fd, &t);
	cr_expect(fd_get_option(fd, IPPROTO_TCP, TCP_KEEPIDLE) >=
			  (int)min_of(t.keepalive / 1000, 32767u),
		  "keepalive: %d s", fd_get_option(fd, IPPROTO_TCP, TCP_KEEPIDLE));
	expect_num(fd_get_option(fd, IPPROTO_TCP, TCP_USER_TIMEOUT), t.user_timeout,
		   "user-timeout");
	close(fd);
}
