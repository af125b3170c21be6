/* What a service manager hears, word for word, at a socket of the test; and that nothing happens without one. */
#include "control/notify.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "check.h"

#ifdef HAVE_LIBSYSTEMD

static int manager = -1;

/* sd_notify(3): a name that begins with @ is an abstract one. */
static void listen_at(const char *name)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	size_t len = strlen(name);

	manager = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	memcpy(at.sun_path, name, len);
	if (*name == '@')
		at.sun_path[0] = '\0';
	cr_assert(bind(manager, (struct sockaddr *)&at,
		       (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len)) == 0);
	setenv("NOTIFY_SOCKET", name, 1);
}

static void listen_abstract(void)
{
	char name[64];

	snprintf(name, sizeof(name), "@tailsplice-test-%d", getpid());
	listen_at(name);
}

/* The next message; "" when there is none. */
static const char *heard(void)
{
	static char text[1024];
	ssize_t n = recv(manager, text, sizeof(text) - 1, 0);

	text[n > 0 ? n : 0] = '\0';
	return text;
}

Test(notify, each_call_is_one_message)
{
	listen_abstract();
	cr_expect(notify_is_heard(), "heard");
	notify_ready();
	expect_str(heard(), "READY=1", "ready");
	notify_stopping();
	expect_str(heard(), "STOPPING=1", "stopping");
	notify_alive();
	expect_str(heard(), "WATCHDOG=1", "alive");
	notify_extend(35000);
	expect_str(heard(), "EXTEND_TIMEOUT_USEC=35000000", "extend");
	notify_status("%d flows", 7);
	expect_str(heard(), "STATUS=7 flows", "status");
	expect_str(heard(), "", "nothing more");
	cr_expect(getenv("NOTIFY_SOCKET"), "it stays set until the end");
	close(manager);
}

Test(notify, socket_with_a_path)
{
	char folder[] = "/tmp/tailsplice-notify-XXXXXX", path[64];

	cr_assert(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/notify", folder);
	listen_at(path);
	notify_ready();
	expect_str(heard(), "READY=1", "ready");
	close(manager);
	unlink(path);
	rmdir(folder);
}

/* systemd compares it with the time of its own question. */
Test(notify, reloading_tells_when)
{
	unsigned long long said = 0, now;
	struct timespec t;

	listen_abstract();
	notify_reloading();
	cr_assert(sscanf(heard(), "RELOADING=1\nMONOTONIC_USEC=%llu", &said) == 1);
	clock_gettime(CLOCK_MONOTONIC, &t);
	now = (unsigned long long)t.tv_sec * 1000000 + (unsigned long long)t.tv_nsec / 1000;
	cr_expect(said <= now && now - said < 60000000, "%llu, now %llu", said, now);
	close(manager);
}

/* A newline would begin a variable of its own. */
Test(notify, status_is_one_line_and_bounded)
{
	char text[400];

	listen_abstract();
	notify_status("%s", "a\nSTOPPING=1");
	expect_str(heard(), "STATUS=a STOPPING=1", "newline");
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	notify_status("%s", text);
	expect_num(strlen(heard()), strlen("STATUS=") + 255, "long");
	close(manager);
}

Test(notify, a_manager_that_is_gone_is_no_error)
{
	setenv("NOTIFY_SOCKET", "@tailsplice-nobody-is-here", 1);
	notify_ready();
	setenv("NOTIFY_SOCKET", "not a path", 1);
	notify_ready();
	notify_alive();
}

Test(notify, watchdog)
{
	static const struct {
		const char *usec, *pid; /* NULL: not set */
		long long every;
	} rows[] = {
		{ "30000000", NULL, 15000 }, { "3000", NULL, 1 },    { "1000", NULL, 1 },
		{ NULL, NULL, 0 },	     { "30000000", "1", 0 }, { "0", NULL, 0 },
		{ "soon", NULL, 0 },	     { "", NULL, 0 },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		unsetenv("WATCHDOG_USEC");
		unsetenv("WATCHDOG_PID");
		if (rows[i].usec)
			setenv("WATCHDOG_USEC", rows[i].usec, 1);
		if (rows[i].pid)
			setenv("WATCHDOG_PID", rows[i].pid, 1);
		expect_num(notify_watchdog_interval(), rows[i].every,
			   rows[i].usec ? rows[i].usec : "-");
	}
}

/* It takes the call and says nothing. */
Test(notify, silent_bus_costs_a_second)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	int bus = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct timespec before, after;
	msec_t limit = 7;
	char name[128];

	snprintf(at.sun_path + 1, sizeof(at.sun_path) - 1, "tailsplice-bus-%d", getpid());
	snprintf(name, sizeof(name), "unix:abstract=%s", at.sun_path + 1);
	cr_assert(bind(bus, (struct sockaddr *)&at,
		       (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 +
				   strlen(at.sun_path + 1))) == 0);
	cr_assert(listen(bus, 5) == 0);
	unsetenv("NOTIFY_SOCKET");
	setenv("INVOCATION_ID", "0123456789abcdef0123456789abcdef", 1);
	setenv("DBUS_SYSTEM_BUS_ADDRESS", name, 1);
	clock_gettime(CLOCK_MONOTONIC, &before);
	cr_expect(!notify_stop_timeout(&limit), "nobody said");
	clock_gettime(CLOCK_MONOTONIC, &after);
	expect_num(limit, 7, "unchanged");
	cr_expect(after.tv_sec - before.tv_sec <= 3, "it waited %ld s",
		  (long)(after.tv_sec - before.tv_sec));
	cr_expect(accept(bus, NULL, NULL) >= 0, "it asked");
	close(bus);
}

#endif

Test(notify, without_a_manager_nothing_happens)
{
	msec_t limit = 7;

	unsetenv("NOTIFY_SOCKET");
	unsetenv("INVOCATION_ID");
	unsetenv("WATCHDOG_USEC");
	cr_expect(!notify_is_heard(), "nobody");
	notify_ready();
	notify_reloading();
	notify_stopping();
	notify_status("x");
	notify_alive();
	notify_extend(1);
	expect_num(notify_watchdog_interval(), 0, "watchdog");
	cr_expect(!notify_stop_timeout(&limit), "no unit");
	expect_num(limit, 7, "unchanged");
}
