/* request - one line of the control protocol: `VERB [ARGUMENT...] [OPTION=VALUE...]`, words separated by
 * blanks. The table of verbs is here alone: the server reads requests by it, the commands of the same
 * names take their arguments and their help from it. Pure, no allocation; any thread. */
#ifndef TAILSPLICE_CONTROL_REQUEST_H
#define TAILSPLICE_CONTROL_REQUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/log.h"
#include "base/net.h"
#include "edge/listing.h"

/* Bytes of a request, its newline included. */
#define REQUEST_MAX 4096

/* `conns` without limit=N. */
#define REQUEST_ROWS 100

enum verb_id {
	VERB_STATUS,
	VERB_CONNS,
	VERB_KILL,
	VERB_BAN,
	VERB_UNBAN,
	VERB_BANS,
	VERB_LOG_LEVEL,
	VERB_DRAIN,
	VERB_READY,
	VERB_MAINT,
	VERB_RELOAD,
	VERB_COUNT
};

struct request {
	const struct verb *verb;
	uint64_t flow;	/* kill */
	struct net net; /* ban, unban; conns, if has_net: only clients within */
	bool has_net;
	msec_t ttl;		/* ban; 0: until it is taken back */
	char listener[64];	/* drain, conns; "": all */
	char backend[64];	/* ready, maint, drain; "": not that of a server */
	char server[300];	/* of it, as in the file */
	uint16_t port;		/* conns: only this one of the listener; 0: all */
	enum listing_sort sort; /* conns */
	uint32_t limit;		/* conns; 0: all */
	bool has_level;		/* log-level; else it asks */
	enum log_level level;
};

/* An argument or an option of a verb. */
struct parameter {
	const char *name;  /* as help shows an argument; what stands before `=` of an option */
	const char *shown; /* what an option's value looks like */
	/* NULL, or in words what was expected; then *out is unchanged. The words are static, or in
	 * `words`. */
	const char *(*read)(const char *text, struct request *out, char *words, size_t size);
};

#define VERB_ARGUMENTS 2
#define VERB_OPTIONS   4

struct verb {
	const char *name;
	enum verb_id id;
	struct parameter arguments[VERB_ARGUMENTS];
	size_t required; /* of the arguments */
	struct parameter options[VERB_OPTIONS];
	const char *flags; /* what only the command knows; NULL: nothing */
	bool repeats;	   /* the command takes several of the first argument: one request each */
	const char *summary, *details; /* for help; details may be NULL */
};

/* The VERB_COUNT rows, in the order of enum verb_id. */
extern const struct verb verbs[VERB_COUNT];

/* The row of that name, or NULL. */
const struct verb *verb_find(const char *name);

/* Arguments as help shows them: "ADDR[/BITS] [TTL]". With `options`, those too, as a command takes them:
 * "[--sort age|rate|bytes]". Returns `out`. */
char *verb_usage(const struct verb *v, bool options, char *out, size_t size);

/* Reads `len` bytes, without the newline. 0; -E2BIG: longer than any request; -EINVAL. Then `why` has one
 * line for people. */
int request_parse(const char *line, size_t len, struct request *out, char *why, size_t size);

#endif
