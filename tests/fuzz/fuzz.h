/* fuzz - what libFuzzer calls, and replay.c where there is no libFuzzer. */
#ifndef TAILSPLICE_TESTS_FUZZ_H
#define TAILSPLICE_TESTS_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

/* Unlike assert(3) it stays in every build. */
#define MUST(what)                                                                       \
	do {                                                                             \
		if (!(what)) {                                                           \
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #what);       \
			abort();                                                         \
		}                                                                        \
	} while (0)

#endif
