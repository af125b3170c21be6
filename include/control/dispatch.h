/* dispatch - each verb of the control protocol becomes what it does. Main thread. */
#ifndef TAILSPLICE_CONTROL_DISPATCH_H
#define TAILSPLICE_CONTROL_DISPATCH_H

#include "control/desk.h"

/* For sessions.asked: answers, at once or when the workers have. sessions.owner is the desk. */
void dispatch(struct session *s);

/* For exporter.asked; exporter.owner is the desk. */
void dispatch_scrape(struct scrape *s);

/* Forgets bans that are over. Returns when it is due again, or TIMER_NONE. */
msec_t dispatch_expire(struct desk *d, msec_t now);

#endif
