#include "relay/auto.h"

#include "relay/copy.h"
#include "relay/splice.h"

/* So many bytes at one readiness make a half bulk; below a few pages the kernel copies in
 * splice(2) too, and the pipe costs two more calls (bench/README.md). */
#define BULK_AT 32768

/* A half that moves less, so many times in a row, is a dialogue again. */
#define SMALL_BELOW 8192
#define SMALL_TIMES 4

static void judge(struct half *h, uint64_t moved, enum pump result)
{
	if (!h->bulk) {
		h->bulk = moved >= BULK_AT;
		h->streak = 0;
	} else if (result != PUMP_DRY || moved >= SMALL_BELOW) {
		h->streak = 0;
	} else if (++h->streak == SMALL_TIMES) {
		h->bulk = false;
	}
}

static enum pump auto_pump(struct relay *r, struct half *h)
{
	uint64_t before = h->moved;
	enum pump result = h->bulk ? splice_pump(r, h) : copy_pump_together(r, h);

	judge(h, h->moved - before, result);
	return result;
}

static const char *auto_used(const struct relay *r)
{
	return r->spliced ? path_splice.name : path_copy.name;
}

const struct path path_auto = { .name = "auto",
				.help = "copy or splice, each half by what it sees",
				.pump = auto_pump,
				.used = auto_used };
