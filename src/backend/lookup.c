#include "backend/lookup.h"

/* What newer versions deprecate is what the oldest we support has. */
#define CARES_NO_DEPRECATED
#include <ares.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/time.h>

#include "base/memory.h"
#include "engine/timer.h"

/* Milliseconds for one server's answer, and how often each is asked. */
#define PATIENCE 2000
#define TRIES	 2

#define RESOLV_CONF "/etc/resolv.conf"

/* An answer is late after this part of the patience for one: half a second. */
#define LATE 4

struct question {
	struct question *next; /* of those that are open */
	struct lookup *lookup;
	const char *host;
	void (*done)(void *arg, const struct name_answer *a);
	void *arg;
	msec_t late;	/* when its answer is late; TIMER_NONE: IPv4 is asked for alone */
	unsigned asked; /* c-ares will answer so often */
	bool over;
};

static long long stamp_of_file(void)
{
	struct stat st;

	if (stat(RESOLV_CONF, &st) < 0)
		return 0;
	return (long long)st.st_ino ^ ((long long)st.st_mtim.tv_sec << 20) ^ st.st_mtim.tv_nsec;
}

int lookup_open(struct lookup *l, const char *servers, int patience, const char **why)
{
	struct ares_options options = { .flags = ARES_FLAG_NOSEARCH | ARES_FLAG_EDNS,
					.tries = TRIES };
	int status, mask = ARES_OPT_FLAGS | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES;

#ifdef ARES_OPT_QUERY_CACHE
	/* c-ares 1.23: an answer is kept as long as names.c says, and no longer. The option's value is 0. */
	mask |= ARES_OPT_QUERY_CACHE;
#endif
	*l = (struct lookup){ .servers = servers,
			      .patience = patience ? patience : PATIENCE,
			      .file_stamp = stamp_of_file() };
	options.timeout = l->patience;
	status = ares_init_options(&l->channel, &options, mask);
	if (status == ARES_SUCCESS && servers)
		status = ares_set_servers_ports_csv(l->channel, servers);
	if (status == ARES_SUCCESS)
		return 0;
	*why = ares_strerror(status);
	lookup_close(l);
	return status == ARES_ENOMEM ? -ENOMEM : -EINVAL;
}

static int bind_socket(ares_socket_t fd, int type, void *arg)
{
	int (*bind)(int fd) = arg;

	(void)type;
	return bind(fd);
}

void lookup_bind(struct lookup *l, int (*bind)(int fd))
{
	ares_set_socket_configure_callback(l->channel, bind_socket, bind);
}

void lookup_close(struct lookup *l)
{
	if (l->channel)
		ares_destroy(l->channel);
	l->channel = NULL;
}

bool lookup_is_stale(struct lookup *l)
{
	return !l->servers && stamp_of_file() != l->file_stamp;
}

static bool is_one_machine(const struct addr *a)
{
	uint32_t v4;

	if (addr_is_any(a))
		return false;
	if (a->sa.sa_family == AF_INET6)
		return !IN6_IS_ADDR_MULTICAST(&a->v6.sin6_addr);
	v4 = ntohl(a->v4.sin_addr.s_addr);
	return !IN_MULTICAST(v4) && v4 != INADDR_BROADCAST;
}

static bool has(const struct name_answer *a, const struct addr *at)
{
	for (size_t i = 0; i < a->count; i++)
		if (addr_equal(&a->at[i], at))
			return true;
	return false;
}

static void take_addresses(struct name_answer *a, const struct ares_addrinfo *found)
{
	unsigned ttl = UINT32_MAX;

	for (const struct ares_addrinfo_node *n = found->nodes; n; n = n->ai_next) {
		struct addr *to = &a->at[a->count];

		if (a->count == NAME_ADDRESSES_MAX)
			break;
		addr_from_sockaddr(to, n->ai_addr);
		addr_set_port(to, 0);
		addr_fold(to);
		if (to->sa.sa_family == AF_UNSPEC || !is_one_machine(to) || has(a, to))
			continue;
		ttl = min_of(ttl, (unsigned)max_of(n->ai_ttl, 0));
		a->count++;
	}
	a->ttl = ttl;
}

static const char *words_of(int status)
{
	switch (status) {
	case ARES_ENOTFOUND:
		return "there is no such name (NXDOMAIN)";
	case ARES_ENODATA:
		return "the name has no address";
	case ARES_ETIMEOUT:
		return "no DNS server answers in time";
	case ARES_ECONNREFUSED:
		return "no DNS server has an answer: it does not listen, refuses or fails (see /etc/resolv.conf)";
	case ARES_ESERVFAIL:
		return "the DNS server cannot answer (SERVFAIL)";
	case ARES_EREFUSED:
		return "the DNS server refuses to answer";
	case ARES_EFILE:
		return RESOLV_CONF " cannot be read";
	case ARES_EDESTRUCTION:
	case ARES_ECANCELLED:
		return NULL;
	default:
		return ares_strerror(status);
	}
}

static struct name_answer read_answer(int status, struct ares_addrinfo *found)
{
	struct name_answer a = { 0 };

	if (status == ARES_SUCCESS && found)
		take_addresses(&a, found);
	if (!a.count)
		a.error = words_of(status == ARES_SUCCESS ? ARES_ENODATA : status);
	if (found)
		ares_freeaddrinfo(found);
	return a;
}

static void leave_open(struct question *q)
{
	struct question **at = &q->lookup->open;

	while (*at != q)
		at = &(*at)->next;
	*at = q->next;
}

static void release(struct question *q)
{
	if (--q->asked == 0)
		free(q);
}

static void on_answer(void *arg, int status, int timeouts, struct ares_addrinfo *found)
{
	struct question *q = arg;
	struct name_answer a = read_answer(status, found);

	(void)timeouts;
	leave_open(q);
	q->over = true;
	q->done(q->arg, &a);
	release(q);
}

static void on_early(void *arg, int status, int timeouts, struct ares_addrinfo *found)
{
	struct question *q = arg;
	struct name_answer a = read_answer(status, found);

	(void)timeouts;
	a.early = true;
	if (!q->over && a.count)
		q->done(q->arg, &a);
	release(q);
}

static void ask(struct question *q, int family, ares_addrinfo_callback answered)
{
	const struct ares_addrinfo_hints hints = { .ai_family = family,
						   .ai_socktype = SOCK_STREAM };

	q->asked++;
	ares_getaddrinfo(q->lookup->channel, q->host, NULL, &hints, answered, q);
}

void lookup_ask(struct lookup *l, const char *host,
		void (*done)(void *arg, const struct name_answer *a), void *arg)
{
	struct question *q = memory_zeroed(1, sizeof(*q));

	*q = (struct question){ .next = l->open,
				.lookup = l,
				.host = host,
				.done = done,
				.arg = arg,
				.late = timer_now() + (msec_t)(l->patience / LATE) };
	l->open = q;
	if (l->channel) {
		ask(q, AF_UNSPEC, on_answer);
	} else {
		q->asked = 1;
		on_answer(q, ARES_EFILE, 0, NULL);
	}
}

static struct question *find_late(const struct lookup *l, msec_t now)
{
	struct question *q = l->open;

	while (q && q->late > now)
		q = q->next;
	return q;
}

/* To ask may end any question, that one and its neighbours among them. */
static void ask_for_late(struct lookup *l)
{
	msec_t now = timer_now();
	struct question *q;

	while ((q = find_late(l, now))) {
		q->late = TIMER_NONE;
		ask(q, AF_INET, on_early);
	}
}

size_t lookup_poll(const struct lookup *l, struct pollfd out[static LOOKUP_SOCKETS])
{
	ares_socket_t sockets[ARES_GETSOCK_MAXNUM];
	unsigned bits =
		l->channel ? (unsigned)ares_getsock(l->channel, sockets, ARES_GETSOCK_MAXNUM) : 0;
	size_t count = 0;

	_Static_assert(LOOKUP_SOCKETS >= ARES_GETSOCK_MAXNUM, "room for all");
	for (int i = 0; i < ARES_GETSOCK_MAXNUM; i++) {
		short events = 0;

		/* As ARES_GETSOCK_READABLE and _WRITABLE do, which shift into the sign. */
		if (bits >> i & 1)
			events |= POLLIN;
		if (bits >> (i + ARES_GETSOCK_MAXNUM) & 1)
			events |= POLLOUT;
		if (events)
			out[count++] = (struct pollfd){ .fd = sockets[i], .events = events };
	}
	return count;
}

int lookup_wait(const struct lookup *l, int limit)
{
	struct timeval most, due, *t;
	msec_t now = timer_now();

	if (!l->channel)
		return limit;
	for (const struct question *q = l->open; q; q = q->next)
		limit = q->late <= now ? 0 : (int)min_of((msec_t)limit, q->late - now);
	most = (struct timeval){ .tv_sec = limit / 1000, .tv_usec = limit % 1000 * 1000 };
	t = ares_timeout(l->channel, &most, &due);
	return (int)(t->tv_sec * 1000 + (t->tv_usec + 999) / 1000);
}

void lookup_run(struct lookup *l, const struct pollfd *in, size_t count)
{
	if (!l->channel)
		return;
	for (size_t i = 0; i < count; i++)
		if (in[i].revents)
			ares_process_fd(l->channel,
					in[i].revents & ~POLLOUT ? in[i].fd : ARES_SOCKET_BAD,
					in[i].revents & POLLOUT ? in[i].fd : ARES_SOCKET_BAD);
	ares_process_fd(l->channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
	ask_for_late(l);
}
