#include "relay/sockmap_kernel.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/bits.h"
#include "base/memory.h"
#include "bpf/sockmap_object.h"

#define SLOTS (2 * SOCKMAP_FLOWS)

_Static_assert(sizeof(struct sockmap_slot) == 64, "a cache line");

/* Bytes of a call in the ring, with its head; a slot has two calls out at most (passed, and much redirected). */
#define CALL_SIZE 16

struct listener_of_calls {
	void (*take)(void *owner, uint32_t slot);
	void *owner;
};

struct worker_calls {
	int map;
	struct ring_buffer *ring;
	struct listener_of_calls to;
};

static struct {
	struct bpf_object *object;
	int sources, peers, places;
	struct sockmap_slot *slots;
	struct worker_calls *calls;
	size_t workers;
} kernel;

/* libbpf says much when a program is refused; its first words are the reason. */
static char said[256];

static int hear(enum libbpf_print_level level, const char *fmt, va_list args)
{
	if (level == LIBBPF_WARN && !*said) {
		vsnprintf(said, sizeof(said), fmt, args);
		said[strcspn(said, "\n")] = '\0';
	}
	return 0;
}

static bool fail(char *why, size_t size, const char *what, int error)
{
	if (error == EPERM)
		snprintf(
			why, size,
			"%s is not permitted: it takes CAP_BPF, CAP_NET_ADMIN and CAP_PERFMON at the start (or root)",
			what);
	else
		snprintf(why, size, "%s failed: %s%s%s", what, strerror(error), *said ? ": " : "",
			 said);
	return false;
}

static int map_fd(const char *name)
{
	return bpf_object__find_map_fd_by_name(kernel.object, name);
}

static void set_size(const char *name, uint32_t entries)
{
	bpf_map__set_max_entries(bpf_object__find_map_by_name(kernel.object, name), entries);
}

static int on_call(void *arg, void *data, size_t size)
{
	struct listener_of_calls *to = arg;
	uint32_t slot;

	if (size == sizeof(slot)) {
		memcpy(&slot, data, sizeof(slot));
		to->take(to->owner, slot);
	}
	return 0;
}

/* Room for all calls that can be out: one that is lost would never be made again. */
static uint32_t calls_size(void)
{
	size_t need = 2 * CALL_SIZE * SLOTS / kernel.workers;
	uint32_t size = 4096;

	while (size < need)
		size *= 2;
	return size;
}

static int open_calls(size_t worker)
{
	int outer = map_fd("workers");
	uint32_t key = (uint32_t)worker;
	struct worker_calls *c = &kernel.calls[worker];

	c->map = bpf_map_create(BPF_MAP_TYPE_RINGBUF, "calls", 0, 0, calls_size(), NULL);
	if (c->map < 0 || bpf_map_update_elem(outer, &key, &c->map, BPF_ANY) < 0)
		return -errno;
	c->ring = ring_buffer__new(c->map, on_call, &c->to, NULL);
	return c->ring ? 0 : -errno;
}

static int load_object(size_t workers)
{
	struct bpf_program *program;
	int err;

	kernel.object = bpf_object__open_mem(sockmap_object, sizeof(sockmap_object), NULL);
	if (!kernel.object)
		return -errno;
	set_size("sources", SLOTS);
	set_size("peers", SLOTS);
	set_size("places", SLOTS);
	set_size("slots", SLOTS);
	set_size("workers", (uint32_t)workers);
	err = bpf_object__load(kernel.object);
	if (err)
		return err;
	kernel.sources = map_fd("sources");
	kernel.peers = map_fd("peers");
	kernel.places = map_fd("places");
	program = bpf_object__find_program_by_name(kernel.object, "verdict");
	if (bpf_prog_attach(bpf_program__fd(program), kernel.sources, BPF_SK_SKB_STREAM_VERDICT,
			    0) < 0)
		return -errno;
	kernel.slots = mmap(NULL, SLOTS * sizeof(*kernel.slots), PROT_READ | PROT_WRITE, MAP_SHARED,
			    map_fd("slots"), 0);
	if (kernel.slots == MAP_FAILED) {
		kernel.slots = NULL;
		return -errno;
	}
	return 0;
}

bool sockmap_load(size_t workers, char *why, size_t size)
{
	int err;

	*said = '\0';
	libbpf_set_print(hear);
	kernel.workers = workers;
	kernel.calls = memory_zeroed(workers, sizeof(*kernel.calls));
	for (size_t i = 0; i < workers; i++)
		kernel.calls[i].map = -1;
	err = load_object(workers);
	for (size_t i = 0; !err && i < workers; i++)
		err = open_calls(i);
	if (!err)
		return true;
	fail(why, size, "loading the program", -err);
	sockmap_unload();
	return false;
}

void sockmap_unload(void)
{
	for (size_t i = 0; i < kernel.workers; i++) {
		ring_buffer__free(kernel.calls[i].ring);
		if (kernel.calls[i].map >= 0)
			close(kernel.calls[i].map);
	}
	free(kernel.calls);
	if (kernel.slots)
		munmap(kernel.slots, SLOTS * sizeof(*kernel.slots));
	bpf_object__close(kernel.object);
	memset(&kernel, 0, sizeof(kernel));
}

uint32_t sockmap_share(size_t worker, uint32_t *first)
{
	uint32_t share;

	if (worker >= kernel.workers)
		return 0;
	share = (uint32_t)((SOCKMAP_FLOWS - 1) / kernel.workers);
	*first = 1 + (uint32_t)worker * share;
	return share;
}

volatile struct sockmap_slot *sockmap_slot(uint32_t slot)
{
	return &kernel.slots[slot];
}

static bool put(int map, uint64_t cookie, uint64_t value)
{
	return bpf_map_update_elem(map, &cookie, &value, BPF_ANY) == 0;
}

static bool place(uint64_t cookie, uint32_t slot)
{
	return bpf_map_update_elem(kernel.places, &cookie, &slot, BPF_ANY) == 0;
}

static void remove_from(int map, const struct sockmap_leg *leg)
{
	for (size_t i = 0; i < 2; i++)
		bpf_map_delete_elem(map, &leg[i].cookie);
}

unsigned sockmap_join(uint32_t slot, const struct sockmap_leg *leg)
{
	unsigned taken = 0;

	/* All that the program may need is there before the first segment can reach it. */
	if (place(leg[0].cookie, slot) && place(leg[1].cookie, slot + 1) &&
	    put(kernel.peers, leg[0].cookie, (uint64_t)leg[1].fd) &&
	    put(kernel.peers, leg[1].cookie, (uint64_t)leg[0].fd)) {
		for (unsigned i = 0; i < 2; i++)
			if (put(kernel.sources, leg[i].cookie, (uint64_t)leg[i].fd))
				taken |= BIT(i);
	}
	if (!taken) {
		remove_from(kernel.peers, leg);
		sockmap_part(leg);
	}
	return taken;
}

/* Runs the program on what lies in the socket (tcp_bpf_recvmsg_parser()), and lets TCP see how fast it
 * is read, as recv(2) of data would: without it the receive window stays at its first size. */
int sockmap_kick(int fd)
{
	char byte;
	ssize_t n = recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);

	return n < 0 ? -errno : (int)n;
}

void sockmap_part(const struct sockmap_leg *leg)
{
	remove_from(kernel.places, leg);
}

int sockmap_calls_fd(size_t worker)
{
	return kernel.calls[worker].map;
}

void sockmap_take_calls(size_t worker, void (*take)(void *owner, uint32_t slot), void *owner)
{
	struct worker_calls *c = &kernel.calls[worker];

	c->to = (struct listener_of_calls){ take, owner };
	ring_buffer__consume(c->ring);
}
