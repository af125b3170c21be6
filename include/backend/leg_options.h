/* leg_options - what every TCP socket of ours is set to, on either leg. */
#ifndef TAILSPLICE_BACKEND_LEG_OPTIONS_H
#define TAILSPLICE_BACKEND_LEG_OPTIONS_H

#include "config/model.h"

/* Failures of these do not matter to the stream, so they are not reported. */

/* For a socket that will connect: TCP_NODELAY and SO_OOBINLINE. */
void leg_options_begin(int fd);

/* What notices a peer that vanished: keepalive and TCP_USER_TIMEOUT. Connections that end at once need not pay for these
 * five calls: they are made when one has lasted a second. */
void leg_options_watch(int fd, const struct timeouts *t);

/* Both, for a listener, whose connections inherit it (tcp(7)). */
void leg_options_set(int fd, const struct timeouts *t);

/* From now on no packet reaches the socket, and none that it sends leaves. 0, or negative errno. */
int leg_options_detach(int fd);

/* For a socket that will connect and send at once: what is sent acknowledges the handshake too, so the
 * packet that would only do that is saved. tcp(7), TCP_QUICKACK */
void leg_options_delay_ack(int fd);

#endif
