/* Who we are afterwards, as the kernel tells it. Each test is a process of its own. */
#include "control/privileges.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/capability.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/addr.h"
#include "base/bits.h"
#include "check.h"
#include "config/config.h"

#define NO_CAPS	 "0000000000000000"
#define BIND_CAP "0000000000000400" /* BIT(CAP_NET_BIND_SERVICE) */

static const struct passwd *need_root(void)
{
	const struct passwd *nobody = getpwnam("nobody");

	if (getuid() != 0)
		cr_skip_test("only root can change its user");
	cr_assert(nobody, "every system has it");
	return nobody;
}

/* What stands behind "NAME:\t" in the thread's status, without the blanks around it. */
static const char *status(const char *name)
{
	static char line[1000];
	FILE *f = fopen("/proc/thread-self/status", "re");
	size_t len = strlen(name);
	const char *found = "-";

	cr_assert(f);
	while (fgets(line, sizeof(line), f)) {
		if (strncmp(line, name, len) != 0 || line[len] != ':')
			continue;
		line[strcspn(line, "\n")] = '\0';
		found = line + len + 1 + strspn(line + len + 1, " \t");
		break;
	}
	fclose(f);
	if (found != (const char *)"-")
		line[strlen(line) - (line[strlen(line) - 1] == ' ')] = '\0';
	return found;
}

static void expect_caps(const char *held, const char *bounds, const char *label)
{
	expect_str(status("CapPrm"), held, label);
	expect_str(status("CapEff"), held, label);
	expect_str(status("CapInh"), NO_CAPS, label);
	expect_str(status("CapAmb"), NO_CAPS, label);
	if (bounds)
		expect_str(status("CapBnd"), bounds, label);
	expect_str(status("NoNewPrivs"), "1", label);
}

static void expect_user(const struct passwd *pw, const char *label)
{
	char ids[100];

	snprintf(ids, sizeof(ids), "%u\t%u\t%u\t%u", pw->pw_uid, pw->pw_uid, pw->pw_uid,
		 pw->pw_uid);
	expect_str(status("Uid"), ids, label);
	snprintf(ids, sizeof(ids), "%u\t%u\t%u\t%u", pw->pw_gid, pw->pw_gid, pw->pw_gid,
		 pw->pw_gid);
	expect_str(status("Gid"), ids, label);
}

static void drop(const char *user)
{
	char why[512] = "";

	cr_assert(privileges_drop(user, why, sizeof(why)), "%s", why);
}

/* 0, or errno. */
static int bind_low(void)
{
	struct addr a = { 0 };
	int fd, err = 0;

	addr_parse(&a, "127.77.0.1", 1);
	fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (bind(fd, &a.sa, addr_len(&a)) < 0)
		err = errno;
	close(fd);
	return err;
}

/* As capabilities(7) has them: no change of the user takes them away, and none is left. */
static void become_plainly(const struct passwd *pw)
{
	cr_assert(setgroups(0, NULL) == 0 && setresgid(pw->pw_gid, pw->pw_gid, pw->pw_gid) == 0 &&
		  setresuid(pw->pw_uid, pw->pw_uid, pw->pw_uid) == 0);
}

/* What setpriv(1) --ambient-caps does, and systemd's AmbientCapabilities. */
static void become_with_bind_cap(const struct passwd *pw)
{
	const cap_value_t cap = CAP_NET_BIND_SERVICE;
	cap_t caps = cap_init();

	cr_assert(prctl(PR_SET_KEEPCAPS, 1) == 0);
	become_plainly(pw);
	for (cap_flag_t set = CAP_EFFECTIVE; set <= CAP_INHERITABLE; set++)
		cap_set_flag(caps, set, 1, &cap, CAP_SET);
	cr_assert(cap_set_proc(caps) == 0 && cap_set_ambient(cap, CAP_SET) == 0);
	cap_free(caps);
}

Test(privileges, root_becomes_a_user)
{
	const gid_t extra[] = { 4, 27 };
	const struct passwd *nobody = need_root();
	char groups[100];

	cr_assert(setgroups(ARRAY_LEN(extra), extra) == 0);
	drop("nobody");
	expect_user(nobody, "root");
	expect_caps(BIND_CAP, BIND_CAP, "root");
	snprintf(groups, sizeof(groups), "%u", nobody->pw_gid);
	expect_str(status("Groups"), groups, "root's groups are not its own");
	cr_expect(setuid(0) < 0 && seteuid(0) < 0 && setgid(0) < 0, "there is no way back");
	cr_expect(prctl(PR_GET_KEEPCAPS) == 0, "the next change of the user keeps nothing");
	cr_expect(prctl(PR_GET_DUMPABLE) != 1, "no core, and its user cannot trace it");
	expect_num(bind_low(), 0, "what was kept is of use");
}

Test(privileges, root_stays_root_without_a_user)
{
	struct passwd root = { 0 };

	need_root();
	drop(NULL);
	expect_user(&root, "root");
	expect_caps(BIND_CAP, BIND_CAP, "root");
	expect_num(bind_low(), 0, "a low port");
	/* glibc's own would ask every thread, and Criterion has one. */
	cr_expect(syscall(SYS_setgroups, 0, NULL) < 0, "what was dropped is gone");
}

/* The user 0 gets all of the bounding set when it executes something. */
Test(privileges, nothing_comes_back_by_execution)
{
	char line[100] = "";
	FILE *child;

	need_root();
	drop(NULL);
	child = popen("grep CapPrm /proc/self/status", "re");
	cr_assert(child && fgets(line, sizeof(line), child));
	pclose(child);
	expect_str(line, "CapPrm:\t" BIND_CAP "\n", "executed");
}

Test(privileges, user_without_capabilities)
{
	const struct passwd *nobody = need_root();

	become_plainly(nobody);
	drop(NULL);
	expect_user(nobody, "no user is named");
	expect_caps(NO_CAPS, NULL, "no user is named");
	expect_num(bind_low(), EACCES, "a low port");
}

Test(privileges, user_that_it_is_already)
{
	const struct passwd *nobody = need_root();

	become_plainly(nobody);
	drop("nobody");
	expect_user(nobody, "its own");
	expect_caps(NO_CAPS, NULL, "its own");
}

Test(privileges, ambient_capability_is_kept_but_not_inherited)
{
	const struct passwd *nobody = need_root();

	become_with_bind_cap(nobody);
	expect_str(status("CapAmb"), BIND_CAP, "as it was started");
	drop("nobody");
	expect_user(nobody, "ambient");
	expect_caps(BIND_CAP, NULL, "ambient");
	expect_num(bind_low(), 0, "a low port");
}

/* The saved user of a set-user-id program: it could go back. */
Test(privileges, saved_root_is_given_up)
{
	const struct passwd *nobody = need_root();
	char why[512] = "";

	cr_assert(setresuid(nobody->pw_uid, nobody->pw_uid, 0) == 0);
	cr_expect(!privileges_drop("nobody", why, sizeof(why)), "nobody, but root when it likes");
	expect_has(why, "only root can become nobody", "saved");
	/* The leak sanitizer looks at the process from outside, and as nobody it may not. */
	cr_assert(setresuid(0, 0, 0) == 0);
}

Test(privileges, twice_is_as_once)
{
	const struct passwd *nobody = need_root();

	drop("nobody");
	drop("nobody");
	expect_user(nobody, "twice");
	expect_caps(BIND_CAP, BIND_CAP, "twice");
}

Test(privileges, capability_it_never_had_is_not_gained)
{
	const struct passwd *nobody = need_root();
	const cap_value_t cap = CAP_NET_BIND_SERVICE;
	cap_t caps = cap_get_proc();

	cap_set_flag(caps, CAP_PERMITTED, 1, &cap, CAP_CLEAR);
	cap_set_flag(caps, CAP_EFFECTIVE, 1, &cap, CAP_CLEAR);
	cr_assert(cap_set_proc(caps) == 0);
	cap_free(caps);
	drop("nobody");
	expect_user(nobody, "root without it");
	expect_caps(NO_CAPS, BIND_CAP, "root without it");
}

/* What is said without that capability, or "". In a process of one thread: where one may what
 * another may not, glibc aborts. */
static const char *refusal(cap_value_t missing, char why[static 512])
{
	int ends[2];
	ssize_t len;
	pid_t pid;

	cr_assert(pipe(ends) == 0);
	pid = fork();
	if (pid == 0) {
		cap_t caps = cap_get_proc();

		why[0] = '\0';
		cap_set_flag(caps, CAP_EFFECTIVE, 1, &missing, CAP_CLEAR);
		if (cap_set_proc(caps) == 0)
			privileges_drop("nobody", why, 512);
		_exit(write(ends[1], why, strlen(why)) < 0);
	}
	close(ends[1]);
	len = read(ends[0], why, 511);
	why[max_of(len, 0)] = '\0';
	close(ends[0]);
	waitpid(pid, NULL, 0);
	return why;
}

/* A container's root may lack what it takes: then it must not go on as root. */
Test(privileges, fails_when_the_user_cannot_be_changed)
{
	char why[512];

	need_root();
	expect_str(refusal(CAP_SYS_TIME, why), "", "one that is not needed");
	expect_has(refusal(CAP_SETUID, why),
		   "privileges: the process cannot change its user: Operation not permitted",
		   "user");
	expect_has(refusal(CAP_SETGID, why),
		   "privileges: the groups cannot be set: Operation not permitted", "groups");
}

Test(privileges, fails_when_the_user_is_unknown)
{
	char why[512] = "";

	cr_expect(!privileges_drop("no-such-user", why, sizeof(why)));
	expect_has(why, "there is no user no-such-user", "why");
	expect_has(why, "useradd --system no-such-user", "remedy");
}

Test(privileges, fails_when_only_root_could)
{
	const struct passwd *nobody = need_root();
	char why[512] = "";

	become_plainly(nobody);
	cr_expect(!privileges_drop("root", why, sizeof(why)));
	expect_has(why, "only root can become root: start as root, or as that user", "why");
	cr_expect(!privileges_drop("daemon", why, sizeof(why)));
	expect_has(why, "only root can become daemon", "why");
}

/* The complaint, or "". */
static const char *check(const char *global)
{
	static char text[1000];
	struct report report;
	struct config *c;
	char ini[500];
	bool ok;

	snprintf(ini, sizeof(ini),
		 "[global]\nworkers = 1\n%s\n[listen a]\nports = 2525\nbackend = b\n[backend b]\n"
		 "server = 192.0.2.1\n",
		 global);
	report_init(&report, "test.ini");
	c = config_parse("test.ini", ini, strlen(ini), &report);
	cr_assert(c && report.count == 0);
	ok = privileges_check(&c->global, &report);
	expect_num(report.errors, !ok, global);
	text[0] = '\0';
	if (report.count)
		report_format(&report, &report.at[0], text, sizeof(text));
	report_finish(&report);
	config_free(c);
	return text;
}

Test(privileges, check)
{
	const struct passwd nobody = *need_root(); /* the next question overwrites it */

	expect_str(check(""), "", "none is named");
	expect_str(check("user = nobody"), "", "as root");
	expect_str(check("user = root"), "", "root stays root");
	expect_str(check("user = no-such-user"),
		   "test.ini:3: user: there is no user no-such-user: create it (useradd --system "
		   "no-such-user), or name another",
		   "unknown");
	expect_num(getuid(), 0, "nothing changed");
	become_plainly(&nobody);
	expect_str(check(""), "", "none is named");
	expect_str(check("user = nobody"), "", "its own");
	expect_str(
		check("user = root"),
		"test.ini:3: user: only root can become root: start as root, or as that user, or "
		"leave `user` out",
		"of another");
}
