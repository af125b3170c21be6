#include "cmd/whoami.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/addr.h"
#include "cmd/command.h"
#include "codec/pp.h"

/* How long a header may take. Without one, a client that waits for our greeting waits so long. */
#define HEADER_MS 500

/* The longest header read here; PROXY v2 could name more, in TLVs nobody sends to a whoami. */
#define HEADER_ROOM 4096

/* Connections at a time: a thread each. */
#define CLIENTS_MAX 256

static atomic_int clients;

/* Bytes of the header, with *pp; 0: none came. */
static int read_header(int fd, struct pp *pp)
{
	uint8_t bytes[HEADER_ROOM];
	struct pollfd p = { .fd = fd, .events = POLLIN };
	size_t have = 0;
	ssize_t n;
	int len = 0;

	while (len == 0 && have < sizeof(bytes) && poll(&p, 1, HEADER_MS) > 0) {
		n = recv(fd, bytes + have, sizeof(bytes) - have, 0);
		if (n <= 0)
			break;
		have += (size_t)n;
		len = pp_parse(bytes, have, pp);
	}
	return max_of(len, 0);
}

__attribute__((format(printf, 2, 3))) static void say(int fd, const char *fmt, ...)
{
	char text[512];
	va_list args;
	int n;

	va_start(args, fmt);
	n = vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	(void)!send(fd, text, (size_t)min_of(n, (int)sizeof(text) - 1), MSG_NOSIGNAL);
}

static void say_header(int fd, const struct pp *pp, int len)
{
	char src[ADDR_TEXT], dst[ADDR_TEXT];

	if (len == 0)
		say(fd, "proxy  none: no PROXY header came\r\n");
	else if (pp->local)
		say(fd, "proxy  v%d LOCAL: the edge speaks for itself\r\n", pp->version);
	else
		say(fd, "proxy  v%d: you are %s and connected to %s (%d bytes)\r\n", pp->version,
		    addr_format(&pp->src, src), addr_format(&pp->dst, dst), len);
}

/* Until the client ends too: closing with its bytes unread would reset the connection and could
 * take our answer with it. Bounded, for clients that never end. */
static void wait_for_end(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	char waste[4096];

	shutdown(fd, SHUT_WR);
	for (int i = 0; i < 64 && poll(&p, 1, 2000) > 0; i++)
		if (recv(fd, waste, sizeof(waste), 0) <= 0)
			break;
}

static void *attend(void *arg)
{
	int fd = (int)(intptr_t)arg, len;
	struct sockaddr_storage peer = { 0 };
	socklen_t size = sizeof(peer);
	struct addr from;
	char text[ADDR_TEXT];
	struct pp pp = { 0 };

	getpeername(fd, (struct sockaddr *)&peer, &size);
	addr_from_sockaddr(&from, (struct sockaddr *)&peer);
	len = read_header(fd, &pp);
	say(fd, "whoami the connection comes from %s\r\n", addr_format(&from, text));
	say_header(fd, &pp, len);
	wait_for_end(fd);
	close(fd);
	atomic_fetch_sub(&clients, 1);
	return NULL;
}

void whoami_serve(int fd)
{
	pthread_t thread;
	int client;

	for (;;) {
		client = accept4(fd, NULL, NULL, SOCK_CLOEXEC);
		if (client < 0) {
			usleep(10000); /* out of descriptors: do not spin */
			continue;
		}
		if (atomic_fetch_add(&clients, 1) >= CLIENTS_MAX ||
		    pthread_create(&thread, NULL, attend, (void *)(intptr_t)client)) {
			atomic_fetch_sub(&clients, 1);
			close(client);
			continue;
		}
		pthread_detach(thread);
	}
}

static int listen_on(const char *host, uint16_t port)
{
	struct addr at;
	const int on = 1;
	int fd, err;

	addr_parse(&at, host, port);
	fd = socket(at.sa.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (at.sa.sa_family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
	if (bind(fd, &at.sa, addr_len(&at)) == 0 && listen(fd, CLIENTS_MAX) == 0)
		return fd;
	err = -errno;
	close(fd);
	return err;
}

int whoami_listen(uint16_t port, int fds[static 2], int *count)
{
	*count = 0;
	fds[0] = listen_on("127.0.0.1", port);
	if (fds[0] < 0)
		return fds[0];
	*count = 1;
	fds[1] = port ? listen_on("::1", port) : -1;
	if (fds[1] >= 0)
		*count = 2;
	return fds[0];
}

static void *serve_thread(void *arg)
{
	whoami_serve((int)(intptr_t)arg);
	return NULL;
}

static int start_port(const char *word)
{
	char *end;
	unsigned long port = strtoul(word, &end, 10);
	int fds[2], count, err;
	pthread_t thread;

	if (*end || end == word || port < 1 || port > 65535) {
		fprintf(stderr, "whoami: '%s': expected a port from 1 to 65535\n", word);
		return EXIT_MISTAKE;
	}
	err = whoami_listen((uint16_t)port, fds, &count);
	if (err < 0) {
		fprintf(stderr, "whoami: cannot listen on 127.0.0.1:%lu: %s\n", port,
			strerror(-err));
		return EXIT_ENVIRONMENT;
	}
	for (int i = 0; i < count; i++)
		if (pthread_create(&thread, NULL, serve_thread, (void *)(intptr_t)fds[i]))
			return EXIT_ENVIRONMENT;
	fprintf(stderr, "whoami: listening on port %lu of 127.0.0.1%s\n", port,
		count == 2 ? " and ::1" : "");
	return EXIT_DONE;
}

int whoami_main(int argc, char **argv)
{
	sigset_t awaited;
	int status, sig;

	if (argc < 2) {
		fprintf(stderr, "whoami: expected PORT...: see tailsplice whoami --help\n");
		return EXIT_MISTAKE;
	}
	sigemptyset(&awaited);
	sigaddset(&awaited, SIGTERM);
	sigaddset(&awaited, SIGINT);
	pthread_sigmask(SIG_BLOCK, &awaited, NULL);
	for (int i = 1; i < argc; i++) {
		status = start_port(argv[i]);
		if (status != EXIT_DONE)
			return status;
	}
	sigwait(&awaited, &sig);
	return EXIT_DONE;
}
