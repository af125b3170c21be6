#include <errno.h>
#include <linux/capability.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/timex.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "control/facts.h"
#include "edge/admit.h"
#include "edge/machine.h"
#include "engine/ring.h"
#include "relay/paths.h"

/* Figures of a file of /proc, as many as `format` reads. */
#define READ_PROC(path, ...)                               \
	do {                                               \
		FILE *file_ = fopen(path, "re");           \
		if (file_) {                               \
			(void)!fscanf(file_, __VA_ARGS__); \
			fclose(file_);                     \
		}                                          \
	} while (0)

static void read_kernel(struct facts *f)
{
	struct utsname name;

	if (uname(&name) < 0)
		return;
	snprintf(f->release, sizeof(f->release), "%.64s", name.release);
	(void)!sscanf(name.release, "%u.%u", &f->major, &f->minor);
}

/* proc(5): Seccomp is 2 under a filter. */
static bool is_filtered(void)
{
	FILE *file = fopen("/proc/self/status", "re");
	char line[256];
	unsigned mode = 0;

	while (file && fgets(line, sizeof(line), file))
		(void)!sscanf(line, "Seccomp: %u", &mode);
	if (file)
		fclose(file);
	return mode == 2;
}

static bool is_wanted(const struct facts *f, const struct path *path)
{
	for (size_t i = 0; f->plan && i < f->plan->count; i++)
		if (f->plan->at[i].path == path)
			return true;
	return false;
}

static void read_paths(struct facts *f, const struct ring *ring)
{
	const char *missing;

	for (size_t i = 0; paths[i] && f->npaths < FACTS_PATHS; i++) {
		struct fact_path *p = &f->paths[f->npaths++];

		missing = !ring		      ? "io_uring is not"
			  : paths[i]->missing ? paths[i]->missing(ring)
					      : NULL;
		*p = (struct fact_path){ .name = paths[i]->name,
					 .usable = !missing,
					 .wanted = is_wanted(f, paths[i]) };
		snprintf(p->missing, sizeof(p->missing), "%s", missing ? missing : "");
	}
}

static void read_ring(struct facts *f)
{
	struct ring *ring = NULL;

	f->ring_error = ring_open(&ring);
	if (f->ring_error)
		ring_explain(f->ring_error, f->ring, sizeof(f->ring));
	else
		snprintf(f->ring, sizeof(f->ring), "%s", ring_features(ring));
	f->filtered = is_filtered();
	read_paths(f, ring);
	ring_close(ring);
}

static bool has_capability(unsigned number)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct sets[_LINUX_CAPABILITY_U32S_3] = { 0 };

	return syscall(SYS_capget, &head, sets) == 0 &&
	       sets[CAP_TO_INDEX(number)].effective & CAP_TO_MASK(number);
}

static void read_limits(struct facts *f)
{
	static const struct config nothing;
	const struct config *c = f->config ? f->config : &nothing;
	struct rlimit limit = { 0 };

	getrlimit(RLIMIT_NOFILE, &limit);
	f->nofile = (size_t)min_of(limit.rlim_max, (rlim_t)1 << 30);
	f->max_flows = admit_budget(f->nofile, machine_fixed_fds(c, machine_workers(c),
								 f->plan ? f->plan->count : 0))
			       .max_flows;
	READ_PROC("/proc/sys/fs/pipe-user-pages-soft", "%zu", &f->pipe_pages);
	/* An edge that gives up root gives up this, too (pipe(7)). */
	f->pipes_unlimited = has_capability(CAP_SYS_RESOURCE) && !(f->config && c->global.user);
	READ_PROC("/proc/sys/net/ipv4/ip_local_port_range", "%u %u", &f->port_first, &f->port_last);
}

void facts_machine(struct facts *f)
{
	struct timex clock = { 0 };

	read_kernel(f);
	read_ring(f);
	read_limits(f);
	f->clock_synchronised = adjtimex(&clock) >= 0 && !(clock.status & STA_UNSYNC);
}
