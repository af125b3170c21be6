/* outgoing - a socket that will connect to a server: bound to the interface and the source that its backend
 * names. Whoever connects to a server takes it from here, a flow, a check or a probe: so nothing leaves
 * by an interface it must not leave by (device.h). Any thread. */
#ifndef TAILSPLICE_BACKEND_OUTGOING_H
#define TAILSPLICE_BACKEND_OUTGOING_H

#include <net/if.h>

#include "base/addr.h"
#include "config/model.h"

/* Zeroed: as the defaults of a backend are. */
struct outgoing {
	char device[IF_NAMESIZE]; /* as the key; "": auto */
	struct addr source[2];	  /* IPv4, IPv6; AF_UNSPEC: none */
	bool sourced;		  /* a family without a source is not dialled */
};

struct outgoing outgoing_of(const struct backend_conf *b);

/* `flags` as of socket(2): SOCK_NONBLOCK or 0. Or a negative errno: -ENODEV, it must not be dialled since an
 * interface is not there; -ENXIO, the source is not an address of this machine; -EAFNOSUPPORT, there is no source
 * of that family; or of socket(2) and the like. */
int outgoing_socket(const struct outgoing *o, const struct addr *to, int flags);

#endif
