#include "control/supervisor.h"

#include <errno.h>
#include <limits.h>
#include <pwd.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/un.h>
#include <unistd.h>

#include "backend/device.h"
#include "base/log.h"
#include "config/config.h"
#include "control/dispatch.h"
#include "control/drain.h"
#include "control/notify.h"
#include "control/privileges.h"
#include "control/reload.h"
#include "engine/timer.h"

struct supervisor {
	struct desk desk;
	int signals;
	int devices; /* of device_open(); negative: nobody tells of changes */
	msec_t bans_due, lists_due;
	msec_t pulse_every, pulse_due; /* for the watchdog; every 0: there is none */
	struct inquiry pulse;
	bool pulse_out;
};

static int block_signals(void)
{
	sigset_t awaited;

	/* io_uring's splice(2) cousins raise SIGPIPE where send(2) has MSG_NOSIGNAL. */
	signal(SIGPIPE, SIG_IGN);
	sigemptyset(&awaited);
	sigaddset(&awaited, SIGTERM);
	sigaddset(&awaited, SIGINT);
	sigaddset(&awaited, SIGHUP);
	pthread_sigmask(SIG_BLOCK, &awaited, NULL);
	return signalfd(-1, &awaited, SFD_CLOEXEC | SFD_NONBLOCK);
}

static void halt(struct supervisor *s, const char *signal)
{
	log_info("%s: ending at once, %zu flows are reset", signal,
		 atomic_load(&s->desk.edge.admit.flows));
	s->desk.draining = true;
	notify_stopping();
	edge_halt(&s->desk.edge);
}

static void take_signals(struct supervisor *s)
{
	struct signalfd_siginfo info;

	while (read(s->signals, &info, sizeof(info)) == sizeof(info)) {
		if (info.ssi_signo == SIGHUP)
			json_decref(reload(&s->desk));
		else if (info.ssi_signo == SIGINT)
			halt(s, "SIGINT");
		else if (s->desk.draining)
			halt(s, "SIGTERM");
		else
			drain_all(&s->desk, "SIGTERM");
	}
}

/* The service manager hears that we live only when every worker came back with its ping. */
static void on_pulse(struct inquiry *q)
{
	struct supervisor *s = container_of(q, struct supervisor, pulse);

	s->pulse_out = false;
	notify_alive();
}

static void beat(struct supervisor *s, msec_t now)
{
	if (!s->pulse_every || now < s->pulse_due)
		return;
	s->pulse_due = now + s->pulse_every;
	if (s->pulse_out)
		return;
	s->pulse_out = true;
	s->pulse = (struct inquiry){ .order.kind = ORDER_PING, .done = on_pulse };
	edge_ask(&s->desk.edge, &s->pulse);
}

static int poll_limit(const struct supervisor *s, msec_t now)
{
	msec_t due = min_of(sessions_due(&s->desk.sessions), min_of(s->bans_due, s->lists_due));

	due = min_of(due, exporter_due(&s->desk.exporter));

	if (s->pulse_every)
		due = min_of(due, s->pulse_due);
	if (due == TIMER_NONE)
		return -1;
	return due > now ? (int)min_of(due - now, (msec_t)60000) : 0;
}

static void turn(struct supervisor *s)
{
	struct pollfd fds[3 + SESSIONS_MAX + 1 + 1];
	struct desk *d = &s->desk;
	size_t n = sessions_poll(&d->sessions, fds + 3),
	       web = exporter_poll(&d->exporter, fds + 3 + n);

	fds[0] = (struct pollfd){ .fd = s->signals, .events = POLLIN };
	fds[1] = (struct pollfd){ .fd = d->edge.replies.fd, .events = POLLIN };
	fds[2] = (struct pollfd){ .fd = s->devices, .events = POLLIN };
	if (poll(fds, (nfds_t)(3 + n + web), poll_limit(s, timer_now())) < 0)
		return;
	if (fds[2].revents)
		device_hear(s->devices);
	if (fds[1].revents)
		edge_hear(&d->edge);
	if (fds[0].revents)
		take_signals(s);
	sessions_run(&d->sessions, fds + 3, n, timer_now());
	exporter_run(&d->exporter);
	s->bans_due = dispatch_expire(d, timer_now());
	s->lists_due = edge_refresh_lists(&d->edge, timer_now());
	beat(s, timer_now());
}

static bool say(bool ok, const char *why)
{
	if (!ok)
		fprintf(stderr, "%s\n", why);
	return ok;
}

static void drop(struct config *config, struct plan *plan)
{
	plan_free(plan);
	config_free(config);
}

static bool is_draining(const struct exporter *e)
{
	return ((const struct desk *)e->owner)->draining;
}

static bool configure(struct desk *d, struct config *config, struct plan *plan)
{
	struct report report;
	bool ok;

	report_init(&report, d->file ? d->file : "-");
	lines_copy(&report.lines, &config->lines);
	/* What cannot be used was said; everything else goes on. */
	inherited_take(&d->inherited, &report);
	d->edge.bindings.inherited = &d->inherited;
	ok = privileges_check(&config->global, &report);
	if (ok)
		ok = desk_configure(d, config, plan, NULL, &report);
	else
		drop(config, plan);
	if (ok)
		bindings_note_unused(&d->edge.bindings, &report);
	report_print(&report, stderr);
	report_finish(&report);
	return ok;
}

/* A service manager's place for it (systemd.exec(5), RuntimeDirectory), where the file names none: `tailsplice
 * status` and `systemctl reload` look there, too. NULL: none. */
static const char *control_path(const struct desk *d, char *out, size_t size)
{
	const char *given = d->edge.current->config->global.control;
	const char *place = getenv("RUNTIME_DIRECTORY");

	if (given || !place || *place != '/')
		return given;
	snprintf(out, size, "%.*s/control.sock", (int)strcspn(place, ":"), place);
	return strlen(out) < sizeof(((struct sockaddr_un *)0)->sun_path) ? out : NULL;
}

static bool open_control(struct desk *d, uid_t uid, gid_t gid, char *why, size_t size)
{
	char place[PATH_MAX];
	const char *path = control_path(d, place, sizeof(place));

	if (!path)
		return true;
	d->sessions.asked = dispatch;
	d->sessions.owner = d;
	return sessions_open(&d->sessions, path, uid, gid, why, size);
}

/* From root, with a hold on ports and a socket, to the user of the configuration. */
static bool change_user(struct desk *d, char *why, size_t size)
{
	const char *name = d->edge.current->config->global.user;
	const struct passwd *user = name ? getpwnam(name) : NULL;
	uid_t uid = user ? user->pw_uid : geteuid();
	gid_t gid = user ? user->pw_gid : getegid();

	if (geteuid() == 0)
		edge_give_sockets(&d->edge, uid, gid);
	return open_control(d, uid, gid, why, size) && privileges_drop(name, why, size);
}

/* The order matters: what needs privileges, then without them, then threads. */
static bool start(struct supervisor *s, struct config *config, struct plan *plan)
{
	struct desk *d = &s->desk;
	const struct passwd *user;
	char why[512];

	if (!configure(d, config, plan))
		return false;
	if (!say(change_user(d, why, sizeof(why)), why))
		return false;
	user = getpwuid(geteuid());
	snprintf(d->user, sizeof(d->user), "%s", user ? user->pw_name : "?");
	return say(edge_start(&d->edge, why, sizeof(why)), why);
}

static void serve(struct supervisor *s)
{
	struct desk *d = &s->desk;

	d->started = d->sample.at = timer_now();
	d->since = d->loaded = time(NULL);
	s->pulse_every = notify_watchdog_interval();
	drain_check_patience(d);
	log_info("ready");
	notify_status("serving %zu addresses, configuration %s", d->edge.current->plan.count,
		      d->edge.current->config->hash);
	notify_ready();
	while (!edge_ended(&d->edge))
		turn(s);
	log_info("stopped");
}

enum supervisor_result supervisor_run(const char *file, struct config *config, struct plan *plan)
{
	struct supervisor s = { .desk.file = file, .desk.sessions.fd = -1, .bans_due = TIMER_NONE };
	struct desk *d = &s.desk;
	bool ok;

	exporter_init(&d->exporter);
	d->exporter.asked = dispatch_scrape;
	d->exporter.draining = is_draining;
	d->exporter.owner = d;
	s.signals = block_signals();
	if (s.signals < 0 || edge_open(&d->edge) < 0) {
		fprintf(stderr, "no descriptor is left: raise the limit (ulimit -n)\n");
		return SUPERVISOR_ENVIRONMENT;
	}
	s.devices = device_open();
	ok = start(&s, config, plan);
	if (ok)
		serve(&s);
	/* Workers that started before one could not. */
	while (!edge_ended(&d->edge))
		turn(&s);
	sessions_close(&d->sessions);
	exporter_close(&d->exporter);
	edge_close(&d->edge);
	inherited_finish(&d->inherited);
	bans_finish(&d->bans);
	free(d->last_error);
	if (s.devices >= 0)
		close(s.devices);
	close(s.signals);
	return ok ? SUPERVISOR_DONE : SUPERVISOR_ENVIRONMENT;
}
