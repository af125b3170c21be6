/* Servers become addresses; sockets get their options. */
#include "backend/pool.h"

#include <netinet/tcp.h>
#include <stdlib.h>
#include <unistd.h>

#include "backend/leg_options.h"
#include "backend/resolve.h"
#include "check.h"
#include "config/keys.h"
#include "support/configs.h"
#include "support/fds.h"

#define LISTEN "[listen a]\nports = 25\nbackend = b\n[backend b]\n"

static struct pool pool_of(const struct config *c)
{
	struct report report;
	struct pool p;

	report_init(&report, "test.ini");
	cr_assert(pool_fill(&p, &c->backends[0], &report), "%s",
		  report.count ? report.at[0].text : "");
	report_finish(&report);
	return p;
}

Test(pool, literals)
{
	static const char *const wanted[] = { "192.0.2.1:25", "192.0.2.2:26", "[2001:db8::1]:25",
					      "[2001:db8::2]:27" };
	struct config *c = config_of(LISTEN "server = 192.0.2.1\nserver = 192.0.2.2:26\n"
					    "server = 2001:db8::1\nserver = [2001:db8::2]:27\n");
	struct pool p = pool_of(c);
	char text[ADDR_TEXT];
	struct addr a;

	for (size_t i = 0; i < ARRAY_LEN(wanted); i++) {
		cr_assert(pool_pick(&p, i, 25, &a), "%zu", i);
		expect_str(addr_format(&a, text), wanted[i], "address");
	}
	cr_expect(!pool_pick(&p, ARRAY_LEN(wanted), 25, &a), "all were tried");
	config_free(c);
}

Test(pool, names)
{
	struct config *c = config_of(LISTEN "server = localhost:77\n");
	struct pool p = pool_of(c);
	struct addr a;

	cr_assert(pool_pick(&p, 0, 25, &a));
	expect_num(addr_port(&a), 77, "port");
	for (size_t i = 0; pool_pick(&p, i, 25, &a); i++) {
		struct addr same = loopback(a.sa.sa_family, 77);

		cr_expect(addr_equal(&a, &same), "localhost is loopback");
		for (size_t k = 0; k < i; k++)
			cr_expect(!addr_equal(&a, &p.addresses[k]), "each address once");
	}
	config_free(c);
}

Test(pool, more_servers_than_places)
{
	char text[2000] = LISTEN;
	struct config *c;
	struct pool p;

	for (int i = 0; i < 40; i++)
		sprintf(text + strlen(text), "server = 192.0.2.%d\n", i + 1);
	c = config_of(text);
	p = pool_of(c);
	expect_num(p.count, POOL_ADDRESSES_MAX, "addresses");
	config_free(c);
}

/* A name that cannot exist (RFC 6761), refused without asking any network: it is too long. */
Test(pool, a_name_that_does_not_resolve)
{
	char name[90] = "", text[300];
	struct report report;
	struct config *c;
	struct pool p;

	memset(name, 'x', 80);
	strcat(name, ".invalid");
	snprintf(text, sizeof(text), LISTEN "server = %s\n", name);
	c = config_of(text);
	report_init(&report, "test.ini");
	cr_expect(!pool_fill(&p, &c->backends[0], &report));
	expect_num(report.count, 1, "complaints");
	expect_has(report.at[0].text, "does not resolve", "complaint");
	expect_num(report.at[0].line, 5, "the line of that server");
	report_finish(&report);
	config_free(c);
}

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
