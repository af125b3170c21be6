/* What the program in the kernel and the workers share; plain kernel types only.
 * One half of a flow has one slot, the two of a flow are neighbours: slot and slot ^ 1. */
/* SPDX-License-Identifier: (MIT OR GPL-2.0) */
#ifndef TAILSPLICE_SOCKMAP_ABI_H
#define TAILSPLICE_SOCKMAP_ABI_H

#include <linux/types.h>

/* `begin` is known; a segment came that does not follow the one before: the stream cannot go on. */
#define SOCKMAP_BEGUN  1
#define SOCKMAP_BROKEN 2

/* A cache line. Each field has one writer: the program (under the lock of the half's source), or
 * the worker where it says so. Numbers of bytes count from when the half was taken over. */
struct sockmap_slot {
	__u64 redirected; /* bytes given to the peer's queue in the kernel */
	__u64 passed;	  /* bytes left to the worker, because the peer had no room */
	__u64 returned;	  /* worker: those of them that the peer's socket took */
	__u64 last;	  /* CLOCK_MONOTONIC in ns of the last segment */
	__u64 call_at;	  /* redirected bytes at which the worker is called next */
	__u32 base;	  /* the peer's write_seq less redirected, since bytes were last passed */
	__u32 mark;	  /* the value of redirected when the count of `young` began */
	__u32 bell;	  /* worker sets: call when bytes are passed; the program clears */
	__u32 begin;	  /* sequence number of the source's first byte that came here */
	__u16 old, young; /* segments before and since the mark: no more than these are queued */
	__u16 worker;	  /* worker: its number */
	__u8 rebase;	  /* worker at first: base is not known */
	__u8 state;	  /* SOCKMAP_BEGUN, SOCKMAP_BROKEN */
};

#endif
