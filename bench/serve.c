/* serve - the far end of every measurement: ports that echo, swallow or pour out bytes.
 * One process and one loop for all ports and connections. A connection belongs to itself: it frees
 * itself when it ends. What a peer does wrong ends its connection with a reset, so that its client
 * sees a failure, never a clean end. */
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
#include "proxyhead.h"

struct session;

struct role {
	const char *name;
	void (*start)(struct session *s); /* after the PROXY header, if any */
	void (*take)(struct session *s, const uint8_t *bytes, size_t n);
	void (*give)(struct session *s); /* the socket is writable and we asked */
};

/* What an epoll event points to: its first word tells how to go on. */
struct watch {
	void (*ready)(struct watch *w, uint32_t events);
};

struct port {
	struct watch watch;
	int fd;
	const struct role *role;
};

struct session {
	struct watch watch;
	int fd;
	const struct role *role;
	bool ended;	 /* closed and freed at the end of the event */
	bool headed;	 /* the PROXY header is behind us */
	uint64_t offset; /* into the stream, where somebody counts */
	size_t nhead;
	uint8_t head[PROXYHEAD_MAX]; /* a header that came in pieces */
	uint8_t *rest;		     /* echo: what the socket did not take */
	size_t nrest, done;
};

static int ep;
static bool expect_header, verify;
static uint8_t scratch[PATTERN_SPAN];

static void end(struct session *s, void (*how)(int fd))
{
	if (s->ended)
		return;
	s->ended = true;
	how(s->fd);
}

static void close_fd(int fd)
{
	close(fd);
}

static void start_nothing(struct session *s)
{
	(void)s;
}

static void echo_take(struct session *s, const uint8_t *bytes, size_t n)
{
	ssize_t sent = send(s->fd, bytes, n, 0);

	if (sent < 0 && errno != EAGAIN) {
		end(s, net_reset);
		return;
	}
	sent = sent < 0 ? 0 : sent;
	if ((size_t)sent == n)
		return;
	/* Reading stops until this is gone: a peer that does not read gets nothing to make it worse. */
	s->nrest = n - (size_t)sent;
	s->done = 0;
	s->rest = malloc(s->nrest);
	if (!s->rest)
		err(1, "malloc");
	memcpy(s->rest, bytes + sent, s->nrest);
	net_watch(ep, EPOLL_CTL_MOD, s->fd, EPOLLOUT, &s->watch);
}

static void echo_give(struct session *s)
{
	ssize_t sent = send(s->fd, s->rest + s->done, s->nrest - s->done, 0);

	if (sent < 0) {
		if (errno != EAGAIN)
			end(s, net_reset);
		return;
	}
	s->done += (size_t)sent;
	if (s->done < s->nrest)
		return;
	free(s->rest);
	s->rest = NULL;
	net_watch(ep, EPOLL_CTL_MOD, s->fd, EPOLLIN, &s->watch);
}

static void sink_take(struct session *s, const uint8_t *bytes, size_t n)
{
	if (verify && !pattern_holds(s->offset, bytes, n)) {
		warnx("sink: wrong bytes within %zu after %llu", n, (unsigned long long)s->offset);
		end(s, net_reset);
	}
	s->offset += n;
}

static void source_start(struct session *s)
{
	net_watch(ep, EPOLL_CTL_MOD, s->fd, EPOLLIN | EPOLLOUT, &s->watch);
}

static void source_take(struct session *s, const uint8_t *bytes, size_t n)
{
	(void)s;
	(void)bytes;
	(void)n;
}

static void source_give(struct session *s)
{
	ssize_t sent = send(s->fd, pattern_at(s->offset), PATTERN_SPAN / 2, 0);

	if (sent > 0)
		s->offset += (uint64_t)sent;
	else if (errno != EAGAIN)
		end(s, close_fd);
}

static const struct role roles[] = {
	{ "echo", start_nothing, echo_take, echo_give },
	{ "sink", start_nothing, sink_take, NULL },
	{ "source", source_start, source_take, source_give },
};

static void enter(struct session *s, const uint8_t *bytes, size_t n)
{
	s->headed = true;
	s->role->start(s);
	if (n)
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
		end(s, net_reset);
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
		end(s, close_fd);
	else if (s->headed)
		s->role->take(s, scratch, (size_t)n);
	else
		take_head(s, scratch, (size_t)n);
}

static void session_ready(struct watch *w, uint32_t events)
{
	struct session *s = (struct session *)w;

	if (s->rest) {
		echo_give(s);
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
	net_watch(ep, EPOLL_CTL_ADD, fd, EPOLLIN, &s->watch);
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
		if (!strncmp(spec, roles[i].name, (size_t)(colon - spec)) &&
		    !roles[i].name[colon - spec])
			p->role = &roles[i];
	if (!p->role)
		errx(1, "%s: echo:PORT, sink:PORT or source:PORT is wanted", spec);
	a = net_addr(host, colon + 1);
	p->watch.ready = port_ready;
	p->fd = net_listen(&a);
	net_watch(ep, EPOLL_CTL_ADD, p->fd, EPOLLIN, &p->watch);
}

int serve_main(const struct load *l)
{
	struct epoll_event ev[256];

	ep = epoll_create1(EPOLL_CLOEXEC);
	if (ep < 0)
		err(1, "epoll");
	expect_header = l->proxy;
	verify = l->verify;
	for (int i = 0; i < l->nports; i++)
		port_open(l->host, l->ports[i]);
	for (;;) {
		int n = epoll_wait(ep, ev, sizeof(ev) / sizeof(*ev), -1);

		if (n < 0 && errno != EINTR)
			err(1, "epoll_wait");
		for (int i = 0; i < n; i++) {
			struct watch *w = ev[i].data.ptr;

			w->ready(w, ev[i].events);
		}
	}
}
