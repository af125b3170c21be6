#include "control/notify.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"

#ifdef HAVE_LIBSYSTEMD

#include <systemd/sd-bus.h>
#include <systemd/sd-daemon.h>

#define MANAGER	     "org.freedesktop.systemd1"
#define BUS_PATIENCE 1000000 /* microseconds, for all questions together */

bool notify_is_heard(void)
{
	return getenv("NOTIFY_SOCKET") != NULL;
}

static uint64_t monotonic_usec(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

/* A message that does not arrive changes nothing here: the manager's own timeouts deal with it. */
static void tell(const char *state)
{
	sd_notify(0, state);
}

void notify_ready(void)
{
	tell("READY=1");
}

void notify_reloading(void)
{
	char text[64];

	snprintf(text, sizeof(text), "RELOADING=1\nMONOTONIC_USEC=%" PRIu64, monotonic_usec());
	tell(text);
}

void notify_stopping(void)
{
	tell("STOPPING=1");
}

void notify_status(const char *fmt, ...)
{
	char text[8 + 256] = "STATUS=";
	va_list args;

	va_start(args, fmt);
	vsnprintf(text + strlen(text), 256, fmt, args);
	va_end(args);
	/* A newline would begin another variable. */
	for (char *c = text; *c; c++)
		if ((unsigned char)*c < ' ')
			*c = ' ';
	tell(text);
}

msec_t notify_watchdog_interval(void)
{
	uint64_t usec;

	if (sd_watchdog_enabled(0, &usec) <= 0)
		return 0;
	return max_of(usec / 2000, (uint64_t)1);
}

void notify_alive(void)
{
	tell("WATCHDOG=1");
}

void notify_extend(msec_t limit)
{
	char text[64];

	snprintf(text, sizeof(text), "EXTEND_TIMEOUT_USEC=%" PRIu64, limit * 1000);
	tell(text);
}

/* One question to the manager: all of them together take no longer than until `end`. */
struct question {
	sd_bus *bus;
	uint64_t end; /* microseconds on CLOCK_MONOTONIC */
	const char *unit;
};

static bool has_time(const struct question *q)
{
	uint64_t now = monotonic_usec();

	return now < q->end && sd_bus_set_method_call_timeout(q->bus, q->end - now) >= 0;
}

/* Without the long patience that libsystemd has with a bus that says nothing. */
static bool open_bus(struct question *q)
{
	int err = sd_bus_open_system(&q->bus);

	while (err >= 0 && sd_bus_is_ready(q->bus) == 0) {
		err = has_time(q) ? sd_bus_process(q->bus, NULL) : -1;
		if (err == 0)
			err = sd_bus_wait(q->bus, q->end - min_of(monotonic_usec(), q->end));
	}
	return err >= 0 && sd_bus_is_ready(q->bus) > 0;
}

static bool ask_property(struct question *q, const char *name, char type, void *out)
{
	return has_time(q) &&
	       sd_bus_get_property_trivial(q->bus, MANAGER, q->unit, MANAGER ".Service", name, NULL,
					   type, out) >= 0;
}

/* By our PID, since /proc/1 may be hidden (ProtectProc=), and sd_pid_get_unit(3) looks there. */
static bool ask_stop_usec(struct question *q, uint64_t *usec)
{
	sd_bus_message *reply = NULL;
	uint32_t main_pid = 0;
	bool ok;

	ok = open_bus(q) && has_time(q) &&
	     sd_bus_call_method(q->bus, MANAGER, "/org/freedesktop/systemd1", MANAGER ".Manager",
				"GetUnitByPID", NULL, &reply, "u", (uint32_t)getpid()) >= 0 &&
	     sd_bus_message_read(reply, "o", &q->unit) > 0 &&
	     ask_property(q, "MainPID", 'u', &main_pid) &&
	     /* A shell's child is in the unit of the shell. */
	     main_pid == (uint32_t)getpid() && ask_property(q, "TimeoutStopUSec", 't', usec);
	sd_bus_message_unref(reply);
	sd_bus_close_unref(q->bus);
	return ok;
}

bool notify_stop_timeout(msec_t *out)
{
	struct question q = { .end = monotonic_usec() + BUS_PATIENCE };
	uint64_t usec;

	/* systemd.exec(5): every unit has an INVOCATION_ID. */
	if (notify_is_heard() || !getenv("INVOCATION_ID") || !ask_stop_usec(&q, &usec))
		return false;
	*out = usec == UINT64_MAX ? UINT64_MAX : usec / 1000;
	return true;
}

#else

bool notify_is_heard(void)
{
	return false;
}

void notify_ready(void)
{
	static bool said;

	if (getenv("NOTIFY_SOCKET") && !said)
		log_warn(
			"the service manager waits for a message, but this program was built without "
			"libsystemd: build it with, or use Type=exec and no WatchdogSec in the unit");
	said = true;
}

void notify_reloading(void)
{
}

void notify_stopping(void)
{
}

void notify_status(const char *fmt, ...)
{
	(void)fmt;
}

msec_t notify_watchdog_interval(void)
{
	return 0;
}

void notify_alive(void)
{
}

void notify_extend(msec_t limit)
{
	(void)limit;
}

bool notify_stop_timeout(msec_t *out)
{
	(void)out;
	return false;
}

#endif
