#include "backend/device.h"

#include <errno.h>
#include <ifaddrs.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/bits.h"
#include "base/log.h"
#include "base/net.h"

/* Tailnet addresses that the machine gave itself on loopback, for trying things out. */
#define LOCAL_MAX 8

struct view {
	bool known;
	int error;	/* of looking; then nothing is known, which is not the same as none */
	unsigned index; /* of the tailnet's interface; 0: there is none */
	char name[IF_NAMESIZE];
	struct addr at; /* one that it holds */
	struct addr local[LOCAL_MAX];
	size_t nlocal;
};

static struct {
	pthread_mutex_t lock;
	struct view now;
	size_t refused;
	bool said;		   /* that there is none */
	char said_of[IF_NAMESIZE]; /* a configured interface that is not there */
} state = { .lock = PTHREAD_MUTEX_INITIALIZER };

static bool is_tailnet_v4(const struct addr *a)
{
	return a->sa.sa_family == AF_INET &&
	       (ntohl(a->v4.sin_addr.s_addr) & 0xffc00000) == 0x64400000;
}

static bool is_tailnet_v6(const struct addr *a)
{
	static const uint8_t prefix[] = { 0xfd, 0x7a, 0x11, 0x5c, 0xa1, 0xe0 };

	return a->sa.sa_family == AF_INET6 && memcmp(&a->v6.sin6_addr, prefix, sizeof(prefix)) == 0;
}

bool device_is_tailnet(const struct addr *a)
{
	struct addr folded = *a;

	addr_fold(&folded);
	return is_tailnet_v4(&folded) || is_tailnet_v6(&folded);
}

static bool may_be_tailnet(const struct ifaddrs *i, const struct addr *a)
{
	return i->ifa_flags & IFF_POINTOPOINT || strncmp(i->ifa_name, "tailscale", 9) == 0 ||
	       is_tailnet_v6(a);
}

static void note_address(struct view *v, const struct ifaddrs *i)
{
	struct addr a;

	if (!i->ifa_addr || !(i->ifa_flags & IFF_UP))
		return;
	addr_from_sockaddr(&a, i->ifa_addr);
	if (!device_is_tailnet(&a))
		return;
	if (i->ifa_flags & IFF_LOOPBACK) {
		if (v->nlocal < LOCAL_MAX)
			v->local[v->nlocal++] = a;
		return;
	}
	if (v->index || !may_be_tailnet(i, &a))
		return;
	/* An address with a label is listed under "NAME:LABEL". */
	snprintf(v->name, sizeof(v->name), "%.*s", (int)strcspn(i->ifa_name, ":"), i->ifa_name);
	v->index = if_nametoindex(v->name);
	v->at = a;
}

static void look(struct view *v)
{
	struct ifaddrs *all;

	*v = (struct view){ .known = true };
	if (getifaddrs(&all) < 0) {
		v->error = -errno;
		return;
	}
	for (const struct ifaddrs *i = all; i; i = i->ifa_next)
		note_address(v, i);
	freeifaddrs(all);
}

static void say_change(const struct view *was, const struct view *now)
{
	char at[ADDR_TEXT];

	if (now->index == was->index)
		return;
	if (now->index)
		log_info("tailnet: the interface is %s (%s)", now->name,
			 addr_format_host(&now->at, at));
	else
		log_warn(
			"tailnet: the interface %s is gone: tailnet addresses are not dialled until it is back",
			was->name);
}

static void renew(void)
{
	struct view now, was;

	look(&now);
	pthread_mutex_lock(&state.lock);
	was = state.now;
	state.now = now;
	if (now.index != was.index)
		state.said = !now.index && was.known;
	pthread_mutex_unlock(&state.lock);
	say_change(&was, &now);
}

int device_open(void)
{
	struct sockaddr_nl groups = { .nl_family = AF_NETLINK,
				      .nl_groups = RTMGRP_LINK | RTMGRP_IPV4_IFADDR |
						   RTMGRP_IPV6_IFADDR };
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);
	int error = fd < 0 ? -errno : 0;

	if (fd >= 0 && bind(fd, (struct sockaddr *)&groups, sizeof(groups)) < 0) {
		error = -errno;
		close(fd);
	}
	/* After the socket: what changes from now on is heard. */
	renew();
	return error ? error : fd;
}

void device_hear(int fd)
{
	char message[4096];
	bool any = false;
	ssize_t n;

	/* What they say does not matter: lost ones (ENOBUFS) mean a change, too. */
	while ((n = recv(fd, message, sizeof(message), 0)) > 0 || (n < 0 && errno == ENOBUFS))
		any = true;
	if (any)
		renew();
}

static bool is_local(const struct view *v, const struct addr *a)
{
	struct addr there = *a;

	addr_set_port(&there, 0);
	for (size_t i = 0; i < v->nlocal; i++)
		if (addr_equal(&v->local[i], &there))
			return true;
	return false;
}

static void say_none(const struct addr *to, int error)
{
	char at[ADDR_TEXT];

	addr_format_host(to, at);
	if (error)
		log_error(
			"tailnet: the interfaces of this machine cannot be listed (%s), so %s is not dialled: allow "
			"AF_NETLINK (systemd: RestrictAddressFamilies=), or set device = NAME of the interface",
			strerror(-error), at);
	else
		log_error(
			"tailnet: %s is a tailnet address, and no interface of this machine is in a tailnet: it is not "
			"dialled, since it would leave by another in clear text; start tailscaled and log in, or set "
			"via = socks5://... where it has no interface, or device = NAME or any",
			at);
}

/* The interface by its number, or negative errno. */
static int find_for(const struct addr *to)
{
	bool say = false;
	int index, error;

	pthread_mutex_lock(&state.lock);
	if (!state.now.known)
		look(&state.now);
	error = state.now.error;
	index = is_local(&state.now, to) ? (int)if_nametoindex("lo") : (int)state.now.index;
	if (!index) {
		state.refused++;
		say = !state.said;
		state.said = true;
	}
	pthread_mutex_unlock(&state.lock);
	if (say)
		say_none(to, error);
	return index ? index : -ENODEV;
}

static int bind_by_name(int fd, const char *name)
{
	bool say;
	int error;

	if (setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, name, (socklen_t)strlen(name)) == 0)
		return 0;
	error = -errno;
	pthread_mutex_lock(&state.lock);
	say = error == -ENODEV && strncmp(state.said_of, name, IF_NAMESIZE) != 0;
	if (say)
		snprintf(state.said_of, sizeof(state.said_of), "%s", name);
	pthread_mutex_unlock(&state.lock);
	if (say)
		log_error(
			"device: this machine has no interface %s now: nothing is dialled through it",
			name);
	return error;
}

int device_bind(int fd, const char *device, const struct addr *to)
{
	int index;

	if (!device || strcmp(device, "any") == 0)
		return 0;
	if (strcmp(device, "auto") != 0)
		return bind_by_name(fd, device);
	if (!device_is_tailnet(to))
		return 0;
	index = find_for(to);
	if (index < 0)
		return index;
	/* Gone since it was found: ENODEV again. */
	return setsockopt(fd, SOL_SOCKET, SO_BINDTOIFINDEX, &index, sizeof(index)) == 0 ? 0
											: -errno;
}

bool device_tailnet(char name[static IF_NAMESIZE], size_t *refused)
{
	bool found;

	pthread_mutex_lock(&state.lock);
	if (!state.now.known)
		look(&state.now);
	found = state.now.index != 0;
	memcpy(name, state.now.name, IF_NAMESIZE);
	*refused = state.refused;
	pthread_mutex_unlock(&state.lock);
	return found;
}
