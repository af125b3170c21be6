/* proxyhead - where a PROXY protocol header ends (versions 1 and 2).
 * Only its length: what it says is the tests' business, a load server just has to step over it. */
#ifndef BENCH_PROXYHEAD_H
#define BENCH_PROXYHEAD_H

#include <stddef.h>
#include <stdint.h>

#define PROXYHEAD_MAX 512

/* > 0: bytes the header occupies; 0: cannot tell yet; < 0: none, or more than PROXYHEAD_MAX. */
int proxyhead_length(const uint8_t *p, size_t n);

#endif
