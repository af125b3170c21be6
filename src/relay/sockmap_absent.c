/* In a build without BPF. */
#include "relay/sockmap_kernel.h"

#include <stdio.h>

bool sockmap_load(size_t workers, char *why, size_t size)
{
	(void)workers;
	snprintf(why, size,
		 "built without it: install clang and libbpf (libbpf-dev), then build again");
	return false;
}

void sockmap_unload(void)
{
}

uint32_t sockmap_share(size_t worker, uint32_t *first)
{
	(void)worker;
	(void)first;
	return 0;
}

volatile struct sockmap_slot *sockmap_slot(uint32_t slot)
{
	(void)slot;
	return NULL;
}

unsigned sockmap_join(uint32_t slot, const struct sockmap_leg *leg)
{
	(void)slot;
	(void)leg;
	return 0;
}

int sockmap_kick(int fd)
{
	(void)fd;
	return 0;
}

void sockmap_part(const struct sockmap_leg *leg)
{
	(void)leg;
}

int sockmap_calls_fd(size_t worker)
{
	(void)worker;
	return -1;
}

void sockmap_take_calls(size_t worker, void (*take)(void *owner, uint32_t slot), void *owner)
{
	(void)worker;
	(void)take;
	(void)owner;
}
