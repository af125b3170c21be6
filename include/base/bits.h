/* bits - the few macros that every file may use. */
#ifndef TAILSPLICE_BASE_BITS_H
#define TAILSPLICE_BASE_BITS_H

#include <stddef.h>
#include <stdint.h>

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))
#define BIT(n)	     (1u << (n))

/* The object of `type` whose member `member` is at `ptr`. */
#define container_of(ptr, type, member) ((type *)((char *)(ptr)-offsetof(type, member)))

#define min_of(a, b) ((a) < (b) ? (a) : (b))
#define max_of(a, b) ((a) > (b) ? (a) : (b))

/* Milliseconds on CLOCK_MONOTONIC, or a span of them. */
typedef uint64_t msec_t;

#endif
