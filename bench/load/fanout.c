/* fanout - connections in IMAP IDLE, and notices that the server sends to all of them at once.
 * A notice carries the time at which all of its kind were due, so the latency is that until each
 * client has it, the whole crowd's queueing included. Each has a number: none may be missing. */
#include <err.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "load.h"
#include "mailtalk.h"
#include "net.h"
#include "tally.h"

struct idler {
	int fd;
	unsigned number; /* of the last notice; 0: none yet */
};

static int ep;
static const struct load *job;
static struct tally tally;

static void await(int fd, const char *text)
{
	char got[64];
	size_t n = strlen(text);

	if (recv(fd, got, n, MSG_WAITALL) != (ssize_t)n || memcmp(got, text, n))
		errx(1, "fanout: %.10s… was awaited", text);
}

static void open_all(struct idler *all)
{
	struct peer_addr a = net_addr(job->host, job->ports[0]);

	for (unsigned i = 0; i < job->conns; i++) {
		int fd = all[i].fd = net_connect(&a, job->patience);

		await(fd, IMAP_GREETING);
		if (send(fd, IMAP_IDLE, strlen(IMAP_IDLE), 0) < 0)
			err(1, "fanout: send");
		await(fd, IMAP_IDLING);
		net_nonblocking(fd);
		net_watch(ep, EPOLL_CTL_ADD, fd, EPOLLIN, &all[i]);
	}
}

static void hear_one(struct idler *idler, const char *text, uint64_t now)
{
	unsigned long long due;
	unsigned number;

	if (sscanf(text, "* %u EXISTS\r\n* OK [DUE %llu]\r\n", &number, &due) != 2)
		errx(1, "fanout: not a notice: %.20s", text);
	if (idler->number && number != idler->number + 1)
		errx(1, "fanout: notice %u after %u", number, idler->number);
	idler->number = number;
	tally_add(&tally, now - due);
}

static void hear(struct idler *idler, uint64_t now)
{
	char text[8 * IMAP_NOTICE_SIZE + 1];
	ssize_t n = recv(idler->fd, text, sizeof(text) - 1, 0);

	if (n < 0 && errno == EAGAIN)
		return;
	/* A notice is far below a segment: one that comes in two pieces was cut by the proxy. */
	if (n <= 0 || n % IMAP_NOTICE_SIZE)
		errx(1, "fanout: a connection %s", n > 0 ? "got part of a notice" : "ended");
	text[n] = 0;
	for (ssize_t at = 0; at < n; at += IMAP_NOTICE_SIZE)
		hear_one(idler, text + at, now);
}

static void turn(void)
{
	struct epoll_event ev[256];
	int n = net_await(ep, ev, sizeof(ev) / sizeof(*ev), job->patience, "fanout");

	for (int i = 0; i < n; i++)
		hear(ev[i].data.ptr, clock_ns());
}

int fanout_main(const struct load *l)
{
	struct idler *all = calloc(l->conns, sizeof(*all));
	struct measure m;

	job = l;
	ep = epoll_create1(EPOLL_CLOEXEC);
	if (!all || ep < 0)
		err(1, "fanout");
	open_all(all);
	tally_run(&tally, &m, l, turn);
	tally_print(&tally, &m, "fanout", "notice");
	printf("}\n");
	free(all);
	return 0;
}
