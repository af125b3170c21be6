#include "control/privileges.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/capability.h>
#include <sys/prctl.h>
#include <unistd.h>

static const cap_value_t kept = CAP_NET_BIND_SERVICE;

static bool fail(char *why, size_t size, const char *what)
{
	snprintf(why, size, "user: %s: %s", what, strerror(errno));
	return false;
}

static bool holds(cap_value_t cap)
{
	cap_flag_value_t value = CAP_CLEAR;
	cap_t now = cap_get_proc();

	if (now)
		cap_get_flag(now, cap, CAP_PERMITTED, &value);
	cap_free(now);
	return value == CAP_SET;
}

/* The bounding set can only be lowered by who has CAP_SETPCAP: who has not, has no_new_privs. */
static void lower_bounds(void)
{
	for (cap_value_t cap = 0; cap_get_bound(cap) >= 0; cap++)
		if (cap != kept)
			cap_drop_bound(cap);
}

static bool become(const char *user, char *why, size_t size)
{
	const struct passwd *pw;

	errno = 0;
	pw = getpwnam(user);
	if (!pw) {
		snprintf(
			why, size,
			"user: there is no user %s: create it (useradd --system %s), or name another",
			user, user);
		return false;
	}
	if (geteuid() == pw->pw_uid && getuid() == pw->pw_uid)
		return true;
	if (geteuid() != 0) {
		snprintf(
			why, size,
			"user: only root can become %s: start as root, or as that user, or leave `user` out",
			user);
		return false;
	}
	/* Otherwise the change of the user would take all capabilities away. */
	if (prctl(PR_SET_KEEPCAPS, 1) < 0)
		return fail(why, size, "PR_SET_KEEPCAPS");
	if (initgroups(user, pw->pw_gid) < 0)
		return fail(why, size, "the groups cannot be set");
	if (setresgid(pw->pw_gid, pw->pw_gid, pw->pw_gid) < 0 ||
	    setresuid(pw->pw_uid, pw->pw_uid, pw->pw_uid) < 0)
		return fail(why, size, "the process cannot change its user");
	return true;
}

static bool keep_one(bool had, char *why, size_t size)
{
	cap_t wanted = cap_init(), now;
	bool ok = wanted;

	if (ok && had)
		ok = cap_set_flag(wanted, CAP_PERMITTED, 1, &kept, CAP_SET) == 0 &&
		     cap_set_flag(wanted, CAP_EFFECTIVE, 1, &kept, CAP_SET) == 0;
	ok = ok && cap_set_proc(wanted) == 0;
	now = cap_get_proc();
	/* Read back: to go on with more than that would be worse than to end. */
	ok = ok && now && cap_compare(wanted, now) == 0;
	cap_free(now);
	cap_free(wanted);
	return ok || fail(why, size, "the capabilities cannot be dropped");
}

bool privileges_drop(const char *user, char *why, size_t size)
{
	bool had = holds(kept);

	lower_bounds();
	cap_reset_ambient();
	if (user && !become(user, why, size))
		return false;
	if (!keep_one(had, why, size))
		return false;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return fail(why, size, "PR_SET_NO_NEW_PRIVS");
	return true;
}
