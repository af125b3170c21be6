#include "control/privileges.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/capability.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/bits.h"
#include "config/keys.h"

/* What is needed after the start, if it was there: a later reload may bind a port below 1024. */
static const cap_value_t kept[] = { CAP_NET_BIND_SERVICE };

static bool fail(char *why, size_t size, const char *what)
{
	snprintf(
		why, size,
		"privileges: %s: %s (a seccomp filter or a container may forbid it; or start as the "
		"user itself)",
		what, strerror(errno));
	return false;
}

static bool is_kept(cap_value_t cap)
{
	for (size_t i = 0; i < ARRAY_LEN(kept); i++)
		if (kept[i] == cap)
			return true;
	return false;
}

static bool holds(cap_value_t cap, cap_flag_t set)
{
	cap_flag_value_t value = CAP_CLEAR;
	cap_t now = cap_get_proc();

	if (now)
		cap_get_flag(now, cap, set, &value);
	cap_free(now);
	return value == CAP_SET;
}

/* NULL, with words: getpwnam(3) says "not found" in many ways, and trouble in these. */
static const struct passwd *find_user(const char *user, char *why, size_t size)
{
	const struct passwd *pw;

	errno = 0;
	pw = getpwnam(user);
	if (pw)
		return pw;
	if (errno == EIO || errno == EMFILE || errno == ENFILE || errno == ENOMEM)
		snprintf(why, size, "user: %s cannot be looked up: %s", user, strerror(errno));
	else
		snprintf(
			why, size,
			"user: there is no user %s: create it (useradd --system %s), or name another",
			user, user);
	return NULL;
}

/* The saved one counts: one could go back to it. */
static bool is_user_already(const struct passwd *pw)
{
	uid_t real, effective, saved;

	return getresuid(&real, &effective, &saved) == 0 && real == pw->pw_uid &&
	       effective == pw->pw_uid && saved == pw->pw_uid;
}

static bool can_become(const struct passwd *pw, const char *user, char *why, size_t size)
{
	if (is_user_already(pw) || geteuid() == 0)
		return true;
	snprintf(
		why, size,
		"user: only root can become %s: start as root, or as that user, or leave `user` out",
		user);
	return false;
}

bool privileges_check(const struct global_conf *g, struct report *report)
{
	const struct passwd *pw;
	char why[512];

	if (!g->user)
		return true;
	pw = find_user(g->user, why, sizeof(why));
	if (pw && can_become(pw, g->user, why, sizeof(why)))
		return true;
	report_add(report, key_line(SECTION_GLOBAL, &g->section, "user"), "%s", why);
	return false;
}

static bool become(const char *user, char *why, size_t size)
{
	const struct passwd *pw = find_user(user, why, size);

	if (!pw || !can_become(pw, user, why, size))
		return false;
	if (is_user_already(pw))
		return true;
	/* Otherwise the change of the user would take all capabilities away. It also makes the
	 * process one that its user cannot trace, and that leaves no core (PR_SET_DUMPABLE). */
	if (prctl(PR_SET_KEEPCAPS, 1) < 0)
		return fail(why, size, "PR_SET_KEEPCAPS");
	if (initgroups(user, pw->pw_gid) < 0)
		return fail(why, size, "the groups cannot be set");
	if (setresgid(pw->pw_gid, pw->pw_gid, pw->pw_gid) < 0 ||
	    setresuid(pw->pw_uid, pw->pw_uid, pw->pw_uid) < 0)
		return fail(why, size, "the process cannot change its user");
	prctl(PR_SET_KEEPCAPS, 0);
	errno = EPERM;
	return is_user_already(pw) || fail(why, size, "the process did not change its user");
}

/* What the program executes as root could have: nothing else. Who has no CAP_SETPCAP cannot lower
 * it, and gains nothing by it: no_new_privs. */
static bool lower_bounds(char *why, size_t size)
{
	if (!holds(CAP_SETPCAP, CAP_EFFECTIVE))
		return true;
	for (cap_value_t cap = 0; cap_get_bound(cap) >= 0; cap++)
		if (!is_kept(cap) && cap_get_bound(cap) && cap_drop_bound(cap) < 0)
			return fail(why, size, "the bounding set cannot be lowered");
	return true;
}

/* What of `kept` we have; nothing inheritable, and so nothing ambient. NULL: memory is out. */
static cap_t choose(void)
{
	cap_t wanted = cap_init();

	for (size_t i = 0; wanted && i < ARRAY_LEN(kept); i++)
		if (holds(kept[i], CAP_PERMITTED)) {
			cap_set_flag(wanted, CAP_PERMITTED, 1, &kept[i], CAP_SET);
			cap_set_flag(wanted, CAP_EFFECTIVE, 1, &kept[i], CAP_SET);
		}
	return wanted;
}

static bool has_exactly(cap_t wanted)
{
	cap_t now = cap_get_proc();
	bool same = now && cap_compare(wanted, now) == 0;

	cap_free(now);
	return same;
}

static bool limit_to(cap_t wanted, char *why, size_t size)
{
	if (!wanted || (!has_exactly(wanted) && cap_set_proc(wanted) < 0))
		return fail(why, size, "the capabilities cannot be dropped");
	/* Read back: to go on with more than that would be worse than to end. */
	errno = EPERM;
	return has_exactly(wanted) || fail(why, size, "the capabilities were not dropped");
}

bool privileges_drop(const char *user, char *why, size_t size)
{
	cap_t wanted = choose();
	bool ok = lower_bounds(why, size) && (!user || become(user, why, size)) &&
		  limit_to(wanted, why, size);

	cap_free(wanted);
	if (!ok)
		return false;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
	    prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1)
		return fail(why, size, "no_new_privs cannot be set");
	return true;
}
