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
#include <systemd/sd-login.h>

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

/* Connects without the long patience that libsystemd has with a bus that says nothing. NULL: no bus. */
static sd_bus *open_bus(uint64_t end)
{
	sd_bus *bus = NULL;
	int err = sd_bus_open_system(&bus);

	while (err >= 0 && sd_bus_is_ready(bus) == 0) {
		uint64_t now = monotonic_usec();

		err = now < end ? sd_bus_process(bus, NULL) : -1;
		if (err == 0)
			err = sd_bus_wait(bus, end - now);
	}
	if (err >= 0 && sd_bus_is_ready(bus) > 0)
		return bus;
	sd_bus_close_unref(bus);
	return NULL;
}

/* The unit's time to stop in microseconds; 0 when it is not ours or nobody says. */
static uint64_t ask_stop_usec(const char *unit)
{
	uint64_t end = monotonic_usec() + BUS_PATIENCE, usec = 0;
	uint32_t main_pid = 0;
	char *path = NULL;
	sd_bus *bus = open_bus(end);

	if (bus && sd_bus_path_encode("/org/freedesktop/systemd1/unit", unit, &path) >= 0) {
		/* A quarter each: at most two follow. */
		sd_bus_set_method_call_timeout(bus, BUS_PATIENCE / 4);
		sd_bus_get_property_trivial(bus, MANAGER, path, MANAGER ".Service", "MainPID", NULL,
					    'u', &main_pid);
		/* A shell's child is in the unit of the shell. */
		if (main_pid == (uint32_t)getpid())
			sd_bus_get_property_trivial(bus, MANAGER, path, MANAGER ".Service",
						    "TimeoutStopUSec", NULL, 't', &usec);
	}
	free(path);
	sd_bus_close_unref(bus);
	return usec;
}

bool notify_stop_timeout(msec_t *out)
{
	char *unit = NULL;
	uint64_t usec;

	if (sd_pid_get_unit(0, &unit) < 0)
		return false;
	usec = ask_stop_usec(unit);
	free(unit);
	if (!usec)
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
