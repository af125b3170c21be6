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
#include "pattern.h"
#include "session.h"

#define NOTICE_EVERY 100 /* milliseconds, to every IMAP session that idles */

struct port {
	struct watch watch;
	int fd;
	const struct role *role;
};

int serve_epoll;
bool serve_verify;
static bool expect_header;
static uint8_t scratch[PATTERN_SPAN];

static const struct role *const roles[] = { &role_echo, &role_sink, &role_source, &role_smtp,
					    &role_imap };

static void end(struct session *s, void (*how)(int fd))
{
	if (s->ended)
		return;
	s->ended = true;
	if (s->role->left)
		s->role->left(s);
	how(s->fd);
}

static void close_fd(int fd)
{
	close(fd);
}

void session_close(struct session *s)
{
	end(s, close_fd);
}

void session_reset(struct session *s)
{
	end(s, net_reset);
}

void session_send(struct session *s, const uint8_t *bytes, size_t n)
{
	ssize_t sent = send(s->fd, bytes, n, 0);

	if (sent < 0 && errno != EAGAIN) {
		session_reset(s);
		return;
	}
	sent = sent < 0 ? 0 : sent;
	if ((size_t)sent == n)
		return;
	s->nrest = n - (size_t)sent;
	s->done = 0;
	s->rest = malloc(s->nrest);
	if (!s->rest)
		err(1, "malloc");
	memcpy(s->rest, bytes + sent, s->nrest);
	net_watch(serve_epoll, EPOLL_CTL_MOD, s->fd, EPOLLOUT, &s->watch);
}

static void send_rest(struct session *s)
{
	ssize_t sent = send(s->fd, s->rest + s->done, s->nrest - s->done, 0);

	if (sent < 0) {
		if (errno != EAGAIN)
			session_reset(s);
		return;
	}
	s->done += (size_t)sent;
	if (s->done < s->nrest)
		return;
	free(s->rest);
	s->rest = NULL;
	net_watch(serve_epoll, EPOLL_CTL_MOD, s->fd, EPOLLIN, &s->watch);
}

static void enter(struct session *s, const uint8_t *bytes, size_t n)
{
	s->headed = true;
	s->role->start(s);
	if (n && !s->ended)
		s->role->take(s, bytes, n);
}

static void take_head(struct session *s, const uint8_t *bytes, size_t n)
{
	size_t held = s->nhead, fits = sizeof(s->head) - held;
	int length;

	memcpy(s->head + held, bytes, n < fits ? n : fits);
	s->nhead += n < fits ? n : fits;
	length = proxyhead_length(s->head, s->nhead);
	if (length < 0) {
		warnx("%s: a connection did not start with a PROXY header", s->role->name);
		session_reset(s);
	} else if (length > 0) {
		/* The header's last byte is among these, or an earlier call would have found it. */
		enter(s, bytes + ((size_t)length - held), n - ((size_t)length - held));
	}
}

static void receive(struct session *s)
{
	ssize_t n = recv(s->fd, scratch, sizeof(scratch), 0);

	if (n < 0 && errno == EAGAIN)
		return;
	if (n <= 0)
		session_close(s);
	else if (s->headed)
		s->role->take(s, scratch, (size_t)n);
	else
		take_head(s, scratch, (size_t)n);
}

static void session_ready(struct watch *w, uint32_t events)
{
	struct session *s = (struct session *)w;

	if (s->rest) {
		send_rest(s);
	} else {
		if (events & EPOLLOUT)
			s->role->give(s);
		if (!s->ended && events & ~(uint32_t)EPOLLOUT)
			receive(s);
	}
	if (s->ended) {
		free(s->rest);
		free(s);
	}
}

static void session_open(int fd, const struct role *role)
{
	struct session *s = calloc(1, sizeof(*s));

	if (!s)
		err(1, "calloc");
	s->watch.ready = session_ready;
	s->fd = fd;
	s->role = role;
	net_watch(serve_epoll, EPOLL_CTL_ADD, fd, EPOLLIN, &s->watch);
	if (!expect_header)
		enter(s, NULL, 0);
}

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
	net_watch(serve_epoll, EPOLL_CTL_ADD, p->fd, EPOLLIN, &p->watch);
	if (p->role == &role_imap)
		imap_notify_every(NOTICE_EVERY);
}

int serve_main(const struct load *l)
{
	struct epoll_event ev[256];

	serve_epoll = epoll_create1(EPOLL_CLOEXEC);
	if (serve_epoll < 0)
		err(1, "epoll");
	expect_header = l->proxy;
	serve_verify = l->verify;
	for (int i = 0; i < l->nports; i++)
		port_open(l->host, l->ports[i]);
	for (;;) {
		int n = epoll_wait(serve_epoll, ev, sizeof(ev) / sizeof(*ev), -1);

		if (n < 0 && errno != EINTR)
			err(1, "epoll_wait");
		for (int i = 0; i < n; i++) {
			struct watch *w = ev[i].data.ptr;

			w->ready(w, ev[i].events);
		}
	}
}
