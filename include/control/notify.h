/* notify - what the service manager is told, and what it was told to expect of us: sd_notify(3).
 * Every call is harmless and says nothing when no service manager asked (NOTIFY_SOCKET is not set), or
 * when the program was built without libsystemd. Never blocks, but for notify_stop_timeout(). NOTIFY_SOCKET stays
 * set until the end. Used by the main thread only. */
#ifndef TAILSPLICE_CONTROL_NOTIFY_H
#define TAILSPLICE_CONTROL_NOTIFY_H

#include <stdbool.h>

#include "base/bits.h"

/* True when a service manager listens to what is said here. Without libsystemd it never is: notify_ready()
 * then says so in the log, if one asked. */
bool notify_is_heard(void);

/* All listeners listen; after notify_reloading(): the reload is over, whatever came of it. */
void notify_ready(void);

/* With the time it began (systemd 253 and later want that of Type=notify-reload). */
void notify_reloading(void);

/* No more clients; the end follows. */
void notify_stopping(void);

/* One line for `systemctl status`; longer than 255 bytes it is cut. */
__attribute__((format(printf, 1, 2))) void notify_status(const char *fmt, ...);

/* How often notify_alive() has to be called, in milliseconds: half of WatchdogSec. 0: nobody waits for it. */
msec_t notify_watchdog_interval(void);
void notify_alive(void);

/* The state we are in (start, stop) may take until so many milliseconds from now, whatever the unit says.
 * Must come before the unit's own time is over. */
void notify_extend(msec_t limit);

/* TimeoutStopSec of the unit whose main process we are, in milliseconds; UINT64_MAX: infinity. False, and *out unchanged,
 * when we are none, when notify_extend() is heard and so that time is not the last word, or when the system bus
 * does not answer within a second. */
bool notify_stop_timeout(msec_t *out);

#endif
