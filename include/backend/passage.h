/* passage - what a SOCKS5 proxy has to be told so that a server is at the other end of a connection; for those that poll (via.h
 * is for the ring). A plain value: it can be kept when the configuration it came from is gone.
 * Pure but for passage_of(); no descriptor. */
#ifndef TAILSPLICE_BACKEND_PASSAGE_H
#define TAILSPLICE_BACKEND_PASSAGE_H

#include "codec/socks.h"
#include "config/model.h"

struct passage {
	bool on; /* false: servers are dialled directly */
	struct addr
		at; /* the proxy's; AF_UNSPEC, with its port: its name has no address, or whoever has one fills it in */
	bool login;
	char user[SOCKS_TEXT_MAX + 1], password[SOCKS_TEXT_MAX + 1];
	char name[SOCKS_TEXT_MAX +
		  1]; /* of the server, for the proxy to resolve; "": by its address */
	enum { PASSAGE_GREETING, PASSAGE_PASSWORD, PASSAGE_CONNECT } step;
};

/* Towards that host, which the proxy resolves if it is a name. */
struct passage passage_of(const struct backend_conf *b, const char *host);

/* What is to be sent in this step. Returns how many bytes. */
size_t passage_write(const struct passage *p, const struct addr *to,
		     uint8_t out[static SOCKS_WRITE_MAX]);

/* Of what was answered in this step. 1: the server is there; 0: go on, with *missing bytes that may be read, or when
 * that is 0 the next step; < 0: negative errno, as of socks.h. */
int passage_read(struct passage *p, const uint8_t *bytes, size_t n, size_t *missing);

#endif
