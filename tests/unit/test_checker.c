/* The thread that asks servers whether they are up, against servers of this process; and everybody else at the same time. */
#include "backend/checker.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "check.h"
#include "support/fds.h"

enum { SERVERS = 64, PATIENCE = 10000 };

/* Greets whoever comes as long as `up`; else closes at once. */
static struct {
	int fd;
	struct addr at;
	atomic_bool up, stop;
	atomic_int served;
	pthread_t thread;
} mail;

static void *greet(void *arg)
{
	struct pollfd p = { .fd = mail.fd, .events = POLLIN };
	char word[32];
	int fd;

	while (!atomic_load(&mail.stop)) {
		if (poll(&p, 1, 20) != 1)
			continue;
		fd = accept4(mail.fd, NULL, NULL, SOCK_CLOEXEC);
		if (atomic_load(&mail.up)) {
			(void)!write(fd, "220 here\r\n", 10);
			(void)!read(fd, word, sizeof(word));
			(void)!write(fd, "221 bye\r\n", 9);
		}
		close(fd);
		atomic_fetch_add(&mail.served, 1);
	}
	return arg;
}

static void mail_start(void)
{
	mail.fd = tcp_listen(AF_INET, 256, &mail.at);
	atomic_store(&mail.up, true);
	cr_assert(pthread_create(&mail.thread, NULL, greet, NULL) == 0);
}

static void mail_stop(void)
{
	atomic_store(&mail.stop, true);
	pthread_join(mail.thread, NULL);
	close(mail.fd);
}

static struct check_plan plan_of(uint16_t port)
{
	return (struct check_plan){
		.on = true,
		.port = port,
		.conversation = { .expect = SPEECH_SMTP, .connect_timeout = 2000, .timeout = 2000 },
		.interval = 30,
		.fast = 10,
		.rise = 2,
		.fall = 2
	};
}

static struct registry registry;
static struct checker checker;
static int fds_before;

static void set_up(void)
{
	log_set_level(LOG_ERROR);
	fds_before = fds_count();
	cr_assert(registry_open(&registry) == 0 && checker_open(&checker, &registry) == 0);
}

static void tear_down(void)
{
	checker_close(&checker);
	registry_close(&registry);
	expect_num(fds_count(), fds_before, "descriptors");
}

static bool wait_for(struct server *s, const struct addr *at, bool up)
{
	const struct timespec moment = { .tv_nsec = 2000000 };

	for (int i = 0; i < PATIENCE / 2; i++) {
		if (health_is_up(&s->health, at) == up)
			return true;
		nanosleep(&moment, NULL);
	}
	return false;
}

static void order(struct server *s, const struct check_plan *plan)
{
	checker_begin(&checker);
	checker_add(&checker, s, plan, NULL);
	checker_commit(&checker);
}

Test(checker, down_and_up_again)
{
	struct check_plan plan;
	struct server *s;

	set_up();
	mail_start();
	plan = plan_of(addr_port(&mail.at));
	s = server_hold(&registry, "mail", "127.0.0.1", 0, false);
	order(s, &plan);
	cr_assert(checker_start(&checker) == 0);
	atomic_store(&mail.up, false);
	cr_expect(wait_for(s, &mail.at, false), "it closes without a word");
	atomic_store(&mail.up, true);
	cr_expect(wait_for(s, &mail.at, true), "it is back");
	cr_expect(health_up_since(&s->health) > 0);
	mail_stop();
	cr_expect(wait_for(s, &mail.at, false), "it is gone");
	server_release(s);
	tear_down();
}

/* Far more are due than there is room for, most of them dead: each gets its turn. */
Test(checker, many)
{
	struct server *s[SERVERS + 1];
	struct check_plan plan = plan_of(1), good;
	int hole[HOLE_FDS];
	struct addr dead, at;

	set_up();
	mail_start();
	dead = tcp_black_hole(hole);
	plan.port = addr_port(&dead);
	plan.conversation.connect_timeout = 50;
	good = plan_of(addr_port(&mail.at));
	checker_begin(&checker);
	for (int i = 0; i <= SERVERS; i++) {
		s[i] = server_hold(&registry, "mail", "127.0.0.1", (uint16_t)(i + 1), false);
		checker_add(&checker, s[i], i < SERVERS ? &plan : &good, NULL);
	}
	checker_commit(&checker);
	cr_assert(checker_start(&checker) == 0);
	addr_parse(&at, "127.0.0.1", 1);
	for (int i = 0; i < SERVERS; i++)
		cr_expect(wait_for(s[i], &at, false), "server %d", i);
	while (atomic_load(&mail.served) < 3)
		poll(NULL, 0, 2);
	cr_expect(health_is_up(&s[SERVERS]->health, &at), "the living one had its turns");
	mail_stop();
	for (int i = 0; i <= SERVERS; i++)
		server_release(s[i]);
	for (int i = 0; i < HOLE_FDS; i++)
		close(hole[i]);
	tear_down();
}

static void *be_a_worker(void *arg)
{
	struct server *s = arg;

	for (int i = 0; i < 3000; i++) {
		health_is_up(&s->health, &mail.at);
		if (i % 10 == 0)
			health_note(&s->health, &mail.at, HEALTH_CONNECT_FAILED);
		health_up_since(&s->health);
	}
	return NULL;
}

/* Workers choose and complain, a reload orders anew, an operator looks, servers come and go. */
Test(checker, everybody_at_once)
{
	struct check_plan plan;
	struct health_view view;
	pthread_t workers[2];
	struct server *s, *passing;

	set_up();
	mail_start();
	plan = plan_of(addr_port(&mail.at));
	s = server_hold(&registry, "mail", "127.0.0.1", 0, false);
	order(s, &plan);
	cr_assert(checker_start(&checker) == 0);
	for (int i = 0; i < 2; i++)
		cr_assert(pthread_create(&workers[i], NULL, be_a_worker, s) == 0);
	for (int i = 0; i < 40; i++) {
		passing = server_hold(&registry, "passing", "127.0.0.1", 0, false);
		checker_begin(&checker);
		checker_add(&checker, s, &plan, NULL);
		checker_add(&checker, passing, &plan, NULL);
		checker_commit(&checker);
		atomic_store(&mail.up, i % 2);
		health_look(&s->health, &view);
		poll(NULL, 0, 2);
		server_release(passing);
	}
	for (int i = 0; i < 2; i++)
		pthread_join(workers[i], NULL);
	cr_expect(atomic_load(&mail.served) > 0);
	mail_stop();
	server_release(s);
	tear_down();
}

/* A server that the configuration no longer names, and one in maintenance, are left alone. */
Test(checker, nobody_asks)
{
	struct check_plan plan;
	struct server *s;
	int served;

	set_up();
	mail_start();
	plan = plan_of(addr_port(&mail.at));
	s = server_hold(&registry, "mail", "127.0.0.1", 0, false);
	order(s, &plan);
	cr_assert(checker_start(&checker) == 0);
	while (!atomic_load(&mail.served))
		poll(NULL, 0, 2);
	server_set_admin(s, SERVER_MAINT);
	poll(NULL, 0, 50);
	served = atomic_load(&mail.served);
	poll(NULL, 0, 150);
	expect_num(atomic_load(&mail.served), served, "in maintenance");
	server_set_admin(s, SERVER_READY);
	checker_begin(&checker);
	checker_commit(&checker);
	poll(NULL, 0, 50);
	served = atomic_load(&mail.served);
	poll(NULL, 0, 150);
	expect_num(atomic_load(&mail.served), served, "not in the configuration");
	mail_stop();
	server_release(s);
	tear_down();
}

static bool wait_reason(struct server *s, const char *words)
{
	struct health_view view;

	for (int i = 0; i < PATIENCE / 2; i++) {
		health_look(&s->health, &view);
		if (view.count && strstr(view.place[0].reason, words))
			return true;
		poll(NULL, 0, 2);
	}
	return false;
}

/* A proxy that has a name is asked for where it is at that time; servers behind it are never dialled directly. */
Test(checker, the_proxy_has_a_name)
{
	struct check_plan plan;
	struct server *s;
	struct addr at;

	set_up();
	mail_start();
	plan = plan_of(addr_port(&mail.at));
	plan.conversation.passage.on = true;
	addr_set_port(&plan.conversation.passage.at, addr_port(&mail.at));
	s = server_hold(&registry, "mail", "127.0.0.1", 0, false);
	checker_begin(&checker);
	checker_add(&checker, s, &plan, "proxy.example.net");
	checker_commit(&checker);
	cr_assert(checker_start(&checker) == 0);
	cr_expect(wait_reason(s, "the proxy's name has no address"));
	expect_num(atomic_load(&mail.served), 0, "dialled");
	addr_parse(&at, "127.0.0.1", 0);
	names_tell(&registry.names, "proxy.example.net", &at, 1, NULL);
	cr_expect(wait_reason(s, "Protocol error"), "a mail server is no proxy");
	checker_begin(&checker);
	plan.conversation.passage.on = false;
	checker_add(&checker, s, &plan, NULL);
	checker_commit(&checker);
	cr_expect(wait_for(s, &mail.at, true), "without a proxy it is up");
	mail_stop();
	server_release(s);
	tear_down();
}
