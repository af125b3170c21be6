#include "backend/ports.h"

#include <stdio.h>

#include "base/bits.h"
#include "base/log.h"
#include "base/net.h"
#include "engine/timer.h"

/* The operator may widen it while we run. */
#define READ_EVERY 10000

/* One connection in so many looks. */
#define LOOK_EVERY 16

/* ip(7): the default. */
#define USUAL_RANGE 28232

size_t ports_range(void)
{
	static atomic_size_t range;
	static atomic_uint_fast64_t due;
	unsigned first, last;
	msec_t now = timer_now();
	FILE *f;

	if (now < atomic_load_explicit(&due, memory_order_relaxed))
		return atomic_load_explicit(&range, memory_order_relaxed);
	f = fopen("/proc/sys/net/ipv4/ip_local_port_range", "re");
	if (!f || fscanf(f, "%u %u", &first, &last) != 2 || last < first)
		first = 1, last = USUAL_RANGE;
	if (f)
		fclose(f);
	atomic_store_explicit(&range, last - first + 1, memory_order_relaxed);
	atomic_store_explicit(&due, now + READ_EVERY, memory_order_relaxed);
	return last - first + 1;
}

static atomic_size_t *place_of(struct ports *p, const struct addr *to)
{
	uint8_t key[16];
	uint32_t hash = addr_port(to);

	net_key(to, key);
	for (size_t i = 0; i < sizeof(key); i++)
		hash = hash * 31 + key[i];
	return &p->taken[(hash ^ hash >> 16) % PORTS_PLACES];
}

static void look(struct ports *p, const struct addr *to, const char *backend, size_t taken)
{
	size_t range = ports_range();
	char at[ADDR_TEXT];

	if (taken < range / 2)
		atomic_store_explicit(&p->said, false, memory_order_relaxed);
	if (taken < range / 5 * 4 || atomic_exchange(&p->said, true))
		return;
	log_warn(
		"backend %s: %zu of the %zu source ports towards %s are taken; when they are out, nobody is connected any "
		"more: widen net.ipv4.ip_local_port_range (sysctl), or give the backend a second server or address",
		backend, taken, range, addr_format(to, at));
}

void ports_enter(struct ports *p, const struct addr *to, const char *backend)
{
	size_t taken = atomic_fetch_add_explicit(place_of(p, to), 1, memory_order_relaxed) + 1;

	if (taken % LOOK_EVERY == 0)
		look(p, to, backend, taken);
}

void ports_leave(struct ports *p, const struct addr *to)
{
	atomic_fetch_sub_explicit(place_of(p, to), 1, memory_order_relaxed);
}
