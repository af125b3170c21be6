/* serve - the far end of every measurement. One process and one loop for all ports and connections. */
#include <err.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "load.h"
#include "net.h"
#include "session.h"

#define NOTICE_EVERY 100 /* milliseconds, to every IMAP session that idles */

struct port {
	struct watch watch;
	int fd;
	const struct role *role;
};

static const struct role *const roles[] = { &role_echo, &role_sink, &role_source, &role_smtp,
					    &role_imap };

static void port_ready(struct watch *w, uint32_t events)
{
	struct port *p = (struct port *)w;
	int fd;

	(void)events;
	while ((fd = accept4(p->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0)
		session_open(fd, p->role);
	if (errno != EAGAIN && errno != ECONNABORTED)
		err(1, "accept");
}

static void port_open(const char *host, const char *spec)
{
	const char *colon = strchr(spec, ':');
	struct port *p = calloc(1, sizeof(*p));
	struct peer_addr a;

	if (!p)
		err(1, "calloc");
	for (size_t i = 0; colon && i < sizeof(roles) / sizeof(*roles); i++)
		if (!strncmp(spec, roles[i]->name, (size_t)(colon - spec)) &&
		    !roles[i]->name[colon - spec])
			p->role = roles[i];
	if (!p->role)
		errx(1, "%s: ROLE:PORT is wanted; load --help has the roles", spec);
	a = net_addr(host, colon + 1);
	p->watch.ready = port_ready;
	p->fd = net_listen(&a);
	net_watch(session_epoll, EPOLL_CTL_ADD, p->fd, EPOLLIN, &p->watch);
	if (p->role == &role_imap)
		imap_notify_every(NOTICE_EVERY);
}

int serve_main(const struct load *l)
{
	struct epoll_event ev[256];

	session_epoll = epoll_create1(EPOLL_CLOEXEC);
	if (session_epoll < 0)
		err(1, "epoll");
	session_headed = l->proxy;
	session_verify = l->verify;
	for (int i = 0; i < l->nports; i++)
		port_open(l->host, l->ports[i]);
	for (;;) {
		int n = epoll_wait(session_epoll, ev, sizeof(ev) / sizeof(*ev), -1);

		if (n < 0 && errno != EINTR)
			err(1, "epoll_wait");
		for (int i = 0; i < n; i++) {
			struct watch *w = ev[i].data.ptr;

			w->ready(w, ev[i].events);
		}
	}
}
