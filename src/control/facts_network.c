#include <errno.h>
#include <ifaddrs.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "config/reach.h"
#include "control/facts.h"

/* Milliseconds: for a connect, for a greeting. */
#define OUTBOUND_LIMIT 8000

/* route(8), include/uapi/linux/route.h and ipv6_route.h */
#define ROUTE_UP     0x0001
#define ROUTE_REJECT 0x0200

static unsigned mtu_of(const char *device)
{
	struct ifreq request = { 0 };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	unsigned mtu = 0;

	snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", device);
	if (fd >= 0 && ioctl(fd, SIOCGIFMTU, &request) == 0)
		mtu = (unsigned)request.ifr_mtu;
	if (fd >= 0)
		close(fd);
	return mtu;
}

static void read_addresses(struct facts *f)
{
	struct ifaddrs *all = NULL;
	struct addr a;

	if (getifaddrs(&all) < 0)
		return;
	for (const struct ifaddrs *i = all; i; i = i->ifa_next) {
		if (!i->ifa_addr || f->nown == FACTS_ADDRESSES)
			continue;
		addr_from_sockaddr(&a, i->ifa_addr);
		if (a.sa.sa_family == AF_UNSPEC)
			continue;
		f->own[f->nown++] = a;
		if (!*f->device && f->tailnet_known && f->tailnet.self.naddresses &&
		    addr_equal(&a, &f->tailnet.self.addresses[0]))
			snprintf(f->device, sizeof(f->device), "%s", i->ifa_name);
	}
	freeifaddrs(all);
	f->device_mtu = *f->device ? mtu_of(f->device) : 0;
}

/* proc(5), /proc/net/route: hexadecimal, in network byte order. */
static void read_route4(struct facts *f)
{
	FILE *file = fopen("/proc/net/route", "re");
	char line[512], device[IF_NAMESIZE];
	unsigned long to, flags, mask;

	while (file && fgets(line, sizeof(line), file))
		if (sscanf(line, "%15s %lx %*x %lx %*d %*d %*d %lx", device, &to, &flags, &mask) ==
			    4 &&
		    !to && !mask && flags & ROUTE_UP && !(flags & ROUTE_REJECT)) {
			f->route4 = true;
			f->route_mtu = mtu_of(device);
		}
	if (file)
		fclose(file);
}

static void read_route6(struct facts *f)
{
	FILE *file = fopen("/proc/net/ipv6_route", "re");
	char line[512], to[33], device[IF_NAMESIZE];
	unsigned long bits, flags;

	while (file && fgets(line, sizeof(line), file))
		if (sscanf(line, "%32s %lx %*s %*x %*s %*x %*x %*x %lx %15s", to, &bits, &flags,
			   device) == 4 &&
		    !bits && strspn(to, "0") == 32 && flags & ROUTE_UP && !(flags & ROUTE_REJECT) &&
		    strcmp(device, "lo") != 0)
			f->route6 = true;
	if (file)
		fclose(file);
}

static bool is_listened_on(const struct facts *f, const struct addr *a)
{
	struct addr at = *a;

	addr_set_port(&at, 25);
	for (size_t i = 0; f->plan && i < f->plan->count; i++) {
		const struct addr *l = &f->plan->at[i].at;

		if (addr_equal(l, &at) ||
		    (addr_is_any(l) && l->sa.sa_family == a->sa.sa_family && addr_port(l) == 25))
			return true;
	}
	return !f->plan;
}

void facts_network(struct facts *f)
{
	read_addresses(f);
	read_route4(f);
	read_route6(f);
	for (size_t i = 0; i < f->nown && f->npublics < FACTS_PUBLIC; i++)
		if (reach_of_addr(&f->own[i]) == REACH_PUBLIC && is_listened_on(f, &f->own[i]))
			f->publics[f->npublics++].at = f->own[i];
}

static void look_up(struct fact_public *p)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM }, *all = NULL;
	struct addr a;

	if (getnameinfo(&p->at.sa, addr_len(&p->at), p->ptr, sizeof(p->ptr), NULL, 0,
			NI_NAMEREQD) != 0) {
		*p->ptr = '\0';
		return;
	}
	if (getaddrinfo(p->ptr, NULL, &hints, &all) != 0)
		return;
	for (const struct addrinfo *i = all; i; i = i->ai_next) {
		addr_from_sockaddr(&a, i->ai_addr);
		p->confirmed |= addr_equal(&a, &p->at);
		if (a.sa.sa_family == AF_INET6 && p->naaaa < ARRAY_LEN(p->aaaa))
			p->aaaa[p->naaaa++] = a;
	}
	freeaddrinfo(all);
}

static int await(int fd, short events)
{
	struct pollfd p = { .fd = fd, .events = events };
	socklen_t size = sizeof(int);
	int err = 0;

	if (poll(&p, 1, OUTBOUND_LIMIT) <= 0)
		return ETIMEDOUT;
	getsockopt(fd, SOL_SOCKET, SO_ERROR, &err, &size);
	return err;
}

/* 0, or errno. */
static int greets(const struct addrinfo *to)
{
	int fd = socket(to->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), err = 0;
	char code[4] = "";

	if (fd < 0)
		return errno;
	if (connect(fd, to->ai_addr, to->ai_addrlen) < 0 && errno != EINPROGRESS)
		err = errno;
	if (!err)
		err = await(fd, POLLOUT);
	if (!err)
		err = await(fd, POLLIN);
	if (!err && recv(fd, code, 3, 0) != 3)
		err = ECONNRESET;
	if (!err && strcmp(code, "220") != 0)
		err = EPROTO;
	close(fd);
	return err;
}

static void try_outbound(struct facts *f)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM }, *all = NULL;
	int err = getaddrinfo(f->outbound, "25", &hints, &all), failed = 0;

	for (const struct addrinfo *i = all; i; i = i->ai_next) {
		failed = greets(i);
		if (!failed)
			break;
	}
	if (all)
		freeaddrinfo(all);
	if (err || failed)
		snprintf(f->outbound_why, sizeof(f->outbound_why), "%s",
			 err ? gai_strerror(err) : strerror(failed));
}

void facts_names(struct facts *f)
{
	for (size_t i = 0; i < f->npublics; i++)
		look_up(&f->publics[i]);
	if (f->outbound)
		try_outbound(f);
}
