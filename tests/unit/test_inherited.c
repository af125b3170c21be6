/* Descriptors from 3 on, as a service manager passes them: in a child of each row's own, whose other descriptors are closed. */
#include "edge/inherited.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/bits.h"
#include "check.h"

/* Of the sanitizers; _exit(2) passes it by. */
__attribute__((weak)) void __lsan_do_leak_check(void);

#define FIRST  3
#define RESULT 100 /* where the child writes what it got */

enum { LISTENING = 1, DUAL = 2 };

static int inet_socket(int family, int type, int flags)
{
	int fd = socket(family, type, 0), only = !(flags & DUAL);
	struct sockaddr_storage at = { .ss_family = (sa_family_t)family };

	if (family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &only, sizeof(only));
	bind(fd, (struct sockaddr *)&at,
	     family == AF_INET ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6));
	if (flags & LISTENING)
		listen(fd, 5);
	return fd;
}

/* One letter a descriptor. */
static int make(char kind)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	int fd;

	switch (kind) {
	case '4':
		return inet_socket(AF_INET, SOCK_STREAM, LISTENING);
	case '6':
		return inet_socket(AF_INET6, SOCK_STREAM, LISTENING);
	case 'b':
		return inet_socket(AF_INET6, SOCK_STREAM, LISTENING | DUAL);
	case 'n':
		return inet_socket(AF_INET, SOCK_STREAM, 0);
	case 'd':
		return inet_socket(AF_INET, SOCK_DGRAM, 0);
	case 'u':
		fd = socket(AF_UNIX, SOCK_STREAM, 0);
		bind(fd, (struct sockaddr *)&at, sizeof(at.sun_family));
		listen(fd, 5);
		return fd;
	default:
		return open("/dev/null", O_RDONLY);
	}
}

/* "mail 4, web 6", then what was complained about. */
static void tell(const struct inherited_list *list, const struct report *report, bool ok)
{
	for (size_t i = 0; i < list->count; i++) {
		const struct inherited *it = &list->at[i];

		dprintf(RESULT, "%s%s %s%s%s", i ? ", " : "", it->name,
			it->at.sa.sa_family == AF_INET ? "4"
			: it->v6only		       ? "6"
						       : "46",
			fcntl(it->fd, F_GETFD) & FD_CLOEXEC ? "" : " kept on exec",
			addr_port(&it->at) ? "" : " no port");
	}
	for (size_t i = 0; i < report->count; i++)
		dprintf(RESULT, "|%s", report->at[i].text);
	if (ok != (report->errors == 0))
		dprintf(RESULT, "|the answer does not fit the report");
	if (getenv("LISTEN_PID") || getenv("LISTEN_FDS") || getenv("LISTEN_FDNAMES"))
		dprintf(RESULT, "|a variable is left");
}

struct row {
	const char *kinds, *count, *names,
		*pid;	   /* NULL: not set; count "": as many; pid "": ours */
	const char *said;  /* begins with */
	const char *words; /* and has; may be NULL */
};

static void child(const struct row *row, int result)
{
	struct inherited_list list, again;
	struct report report;
	char text[24];
	bool ok;

	dup2(result, RESULT);
	for (int fd = FIRST; fd < RESULT; fd++)
		close(fd);
	for (const char *k = row->kinds; *k; k++)
		make(*k);
	snprintf(text, sizeof(text), "%d", getpid());
	if (row->pid)
		setenv("LISTEN_PID", *row->pid ? row->pid : text, 1);
	snprintf(text, sizeof(text), "%zu", strlen(row->kinds));
	if (row->count)
		setenv("LISTEN_FDS", *row->count ? row->count : text, 1);
	if (row->names)
		setenv("LISTEN_FDNAMES", row->names, 1);
	report_init(&report, "sockets");
	ok = inherited_take(&list, &report);
	tell(&list, &report, ok);
	if (!inherited_take(&again, &report) || again.count)
		dprintf(RESULT, "|found twice");
	inherited_finish(&list);
	inherited_finish(&again);
	report_finish(&report);
	if (__lsan_do_leak_check)
		__lsan_do_leak_check();
	_exit(0);
}

static void check_row(const struct row *row)
{
	char said[1024] = "";
	size_t used = 0;
	int ends[2], status;
	ssize_t n;
	pid_t pid;

	cr_assert(pipe(ends) == 0);
	pid = fork();
	if (pid == 0)
		child(row, ends[1]);
	close(ends[1]);
	while ((n = read(ends[0], said + used, sizeof(said) - 1 - used)) > 0)
		used += (size_t)n;
	close(ends[0]);
	waitpid(pid, &status, 0);
	expect_num(status, 0, row->said);
	cr_expect(strncmp(said, row->said, strlen(row->said)) == 0,
		  "%s %s: got '%s', expected '%s'", row->kinds, row->names ? row->names : "-", said,
		  row->said);
	if (row->words)
		expect_has(said, row->words, row->kinds);
	else
		expect_str(said, row->said, row->kinds);
}

Test(inherited, sockets)
{
	static const struct row rows[] = {
		{ "", NULL, NULL, NULL, "", NULL },
		{ "4", "", "mail", "", "mail 4", NULL },
		{ "46b", "", "mail:web:both", "", "mail 4, web 6, both 46", NULL },
		{ "44", "", "mail:mail", "", "mail 4, mail 4", NULL },
		{ "4", "", NULL, "", "unknown 4", NULL },
		{ "4", "", "", "", " 4", NULL },
		/* For somebody else: not touched, but not handed on to a child either. */
		{ "4", "", "mail", "1", "", NULL },
		{ "4", "", "mail", NULL, "", NULL },
		{ "4", NULL, "mail", "", "", NULL },
		/* Fewer are taken than there are. */
		{ "44", "1", "mail", "", "mail 4", NULL },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		check_row(&rows[i]);
}

/* What cannot be a listener is said; the others are taken all the same. */
Test(inherited, complaints)
{
	static const struct row rows[] = {
		{ "d", "", "dns", "", "|descriptor 3 ('dns')", "not TCP" },
		{ "n", "", "a", "", "|descriptor 3 ('a')", "Accept=no" },
		{ "u", "", "a", "", "|descriptor 3 ('a')", "neither IPv4 nor IPv6" },
		{ "f", "", "a", "", "|descriptor 3 ('a')", "no socket" },
		{ "4d6", "", "a:b:c", "", "a 4, c 6|descriptor 4 ('b')", "not TCP" },
		{ "du", "", "a:b", "", "|descriptor 3 ('a')", "|descriptor 4 ('b')" },
		/* The variables and the descriptors do not fit. */
		{ "4", "2", "a:b", "", "|sockets were promised", "Bad file descriptor" },
		{ "4", "", "a:b", "", "|sockets were promised", "Invalid argument" },
		{ "44", "", "a", "", "|sockets were promised", "Invalid argument" },
		{ "4", "-1", "a", "", "|sockets were promised", "LISTEN_FDS" },
		{ "4", "x", "a", "", "|sockets were promised", "LISTEN_FDS" },
		{ "4", "99999999999", "a", "", "|sockets were promised", "LISTEN_FDS" },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		check_row(&rows[i]);
}
