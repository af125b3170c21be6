#include "edge/machine.h"

#include <dirent.h>
#include <linux/capability.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "backend/checker.h"
#include "edge/admit.h"
#include "edge/tarpit.h"
#include "relay/paths.h"

/* Standard files, the log, the resolver, tailscaled, the signals, and some to look around with. */
#define SPARE_FDS 25
/* The control socket and its clients (control/sessions.h). */
#define CONTROL_FDS 18
/* What serves /metrics, and its clients (control/exporter.c). */
#define METRICS_FDS 20
/* The checker's own is among the spare ones; its conversations (backend/checker.h). */
#define CHECK_FDS CHECKER_TALKS
/* Maps and programs of a path in the kernel; each worker has two more. */
#define CARRIER_FDS 10
/* A worker's ring and mailbox; and each listener, with a client that waits for a place. */
#define WORKER_FDS 2

/* Linux's own, where it is not told otherwise (ip-sysctl: ip_unprivileged_port_start). */
#define FIRST_FREE_PORT 1024
#define FREE_PORT_FILE	"/proc/sys/net/ipv4/ip_unprivileged_port_start"

static size_t count_cores(void)
{
	cpu_set_t set;

	return sched_getaffinity(0, sizeof(set), &set) == 0 ? (size_t)CPU_COUNT(&set) : 1;
}

size_t machine_workers(const struct config *c)
{
	return c->global.workers ? (size_t)c->global.workers : count_cores();
}

static bool has_tarpit(const struct listen_conf *l)
{
	for (size_t i = 0; i < l->deny.count; i++)
		if (l->deny.at[i].has_how && l->deny.at[i].how == DISMISS_TARPIT)
			return true;
	return l->deny_action == DISMISS_TARPIT || l->limit_action == DISMISS_TARPIT;
}

static size_t tarpit_fds(const struct config *c)
{
	for (size_t i = 0; i < c->nlistens; i++)
		if (has_tarpit(&c->listens[i]))
			return TARPIT_MOST;
	return 0;
}

static size_t check_fds(const struct config *c)
{
	for (size_t i = 0; i < c->nbackends; i++)
		if (c->backends[i].check.kind != CHECK_OFF)
			return CHECK_FDS;
	return 0;
}

static size_t carrier_fds(const struct config *c, size_t workers)
{
	for (size_t i = 0; i < c->nlistens; i++) {
		const struct path *path = c->listens[i].path ? path_find(c->listens[i].path) : NULL;

		if (path && path->carrier)
			return CARRIER_FDS + 2 * workers;
	}
	return 0;
}

size_t machine_fixed_fds(const struct config *c, size_t workers, size_t listeners)
{
	return SPARE_FDS + check_fds(c) + carrier_fds(c, workers) +
	       (c->global.control ? CONTROL_FDS : 0) +
	       (c->global.metrics.sa.sa_family != AF_UNSPEC ? METRICS_FDS : 0) + tarpit_fds(c) +
	       workers * (WORKER_FDS + 2 * listeners);
}

static unsigned first_free_port(void)
{
	FILE *f = fopen(FREE_PORT_FILE, "re");
	unsigned port = FIRST_FREE_PORT;

	if (f) {
		if (fscanf(f, "%u", &port) != 1)
			port = FIRST_FREE_PORT;
		fclose(f);
	}
	return port;
}

/* capget(2): the effective set, which bind(2) asks, and not the user's number, is what counts. */
static bool may_bind_low(void)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct sets[_LINUX_CAPABILITY_U32S_3] = { 0 };

	if (getenv("LISTEN_FDS") || syscall(SYS_capget, &head, sets) < 0)
		return true;
	return sets[CAP_TO_INDEX(CAP_NET_BIND_SERVICE)].effective &
	       CAP_TO_MASK(CAP_NET_BIND_SERVICE);
}

#define NAMESPACES "/run/netns"

static char netns_name[128];

/* The file of that name is the namespace itself, bound there. */
static void find_netns(void)
{
	DIR *dir = opendir(NAMESPACES);
	struct stat own, other;
	struct dirent *e;

	if (stat("/proc/self/ns/net", &own) < 0)
		own = (struct stat){ 0 };
	while (dir && !netns_name[0] && (e = readdir(dir)))
		if (fstatat(dirfd(dir), e->d_name, &other, 0) == 0 && other.st_ino == own.st_ino &&
		    other.st_dev == own.st_dev)
			snprintf(netns_name, sizeof(netns_name), "%.127s", e->d_name);
	if (dir)
		closedir(dir);
}

const char *machine_netns(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, find_netns);
	return netns_name[0] ? netns_name : NULL;
}

void machine_facts(struct lint_facts *out, const struct config *c, const struct plan *plan)
{
	struct rlimit limit = { 0 };

	*out = (struct lint_facts){ .first_free_port = first_free_port(),
				    .may_bind_low = may_bind_low() };
	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return;
	out->fd_limit = (size_t)min_of(limit.rlim_max, (rlim_t)1 << 30);
	out->max_flows =
		admit_budget(out->fd_limit, machine_fixed_fds(c, machine_workers(c), plan->count))
			.max_flows;
}
