/* record - the log line of a flow. Its fields and their order are an interface. */
#ifndef TAILSPLICE_EDGE_RECORD_H
#define TAILSPLICE_EDGE_RECORD_H

#include "base/addr.h"
#include "base/bits.h"
#include "base/line.h"
#include "edge/why.h"

#define CONNECT_NONE UINT32_MAX

struct record {
	uint64_t flow;
	const char *listener; /* name */
	uint16_t port;	      /* the listener's */
	struct addr client;
	const char *backend;	 /* NULL: none was chosen */
	struct addr server;	 /* AF_UNSPEC: none was reached for, or a proxy knows it: */
	const char *server_name; /* by this name; NULL: by no name */
	const char *path;
	uint64_t up, down;   /* bytes delivered, without the PROXY header */
	uint32_t connect_ms; /* CONNECT_NONE: never connected */
	msec_t ms;
	enum why why;
	size_t flows;				/* of the whole process, this one among them */
	uint64_t listener_flows, backend_flows; /* of this worker, likewise */
	uint8_t retries;			/* connects after the first */
};

/* A finished line. LINE_HAPROXY: option tcplog (HAProxy configuration manual 8.2.2), so that halog and
 * whatever else reads such logs can read ours; the date is that of now less r->ms. */
void record_line(const struct record *r, enum line_format format, struct line *out);

#endif
