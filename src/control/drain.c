#include "control/drain.h"

#include <unistd.h>

#include "base/log.h"
#include "config/keys.h"
#include "control/notify.h"

/* docker-stop(1), --time: SIGKILL follows SIGTERM so soon, in milliseconds. */
#define CONTAINER_PATIENCE 10000

/* For the last resets and log lines. */
#define MARGIN 1000

static bool in_container(void)
{
	return getpid() == 1;
}

msec_t drain_limit(const struct desk *d)
{
	const struct global_conf *g = &d->edge.current->config->global;

	if (in_container() && !key_is_given(SECTION_GLOBAL, &g->section, "drain"))
		return min_of(g->drain, (msec_t)(CONTAINER_PATIENCE - MARGIN));
	return g->drain;
}

void drain_check_patience(const struct desk *d)
{
	msec_t limit = drain_limit(d), patience = CONTAINER_PATIENCE;
	bool managed = notify_stop_timeout(&patience);

	if ((!managed && !in_container()) || limit + MARGIN <= patience)
		return;
	log_warn(
		"drain = %llu s, but %s kills after %llu s, and flows are cut without a line in the "
		"log: shorten drain, or raise %s",
		(unsigned long long)limit / 1000, managed ? "systemd" : "`docker stop`",
		(unsigned long long)patience / 1000,
		managed ? "TimeoutStopSec" : "its time (docker stop -t, stop_grace_period)");
}

void drain_all(struct desk *d, const char *who)
{
	msec_t limit = drain_limit(d);

	if (d->draining)
		return;
	d->draining = true;
	log_info("%s: accepting no more, %zu flows have %llu s to end", who,
		 atomic_load(&d->edge.admit.flows), (unsigned long long)limit / 1000);
	notify_status("accepting no more, waiting for %zu flows",
		      atomic_load(&d->edge.admit.flows));
	notify_stopping();
	notify_extend(limit + 5 * MARGIN);
	edge_drain(&d->edge, "", limit);
}
