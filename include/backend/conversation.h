/* conversation - one polite exchange with a server, to learn whether mail would flow: connect, PROXY header if any,
 * what a client says first if it does, read the greeting, take leave, wait for the answer, close. It never blocks: its
 * owner polls `fd` for `events` and calls conversation_step(). Health checks and `probe` are made of these.
 * Belongs to one thread. */
#ifndef TAILSPLICE_BACKEND_CONVERSATION_H
#define TAILSPLICE_BACKEND_CONVERSATION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "backend/outgoing.h"
#include "backend/passage.h"
#include "base/addr.h"
#include "base/bits.h"
#include "codec/banner.h"
#include "codec/opening.h"
#include "codec/pp.h"

struct conversation_plan {
	struct addr to;
	struct outgoing outgoing; /* as its backend says: outgoing_of() */
	struct passage passage;	  /* passage_of() */
	enum pp_version header;
	/* Who the header says the client is. AF_UNSPEC: nobody, this machine asks on its own behalf: LOCAL in version 2;
	 * in version 1 the connection's own addresses, since Postfix refuses UNKNOWN. */
	struct addr claimed;
	enum speech expect; /* SPEECH_NONE: whatever it is; the server speaks first */
	bool connect_only;  /* the greeting does not matter */
	msec_t connect_timeout;
	msec_t timeout; /* from the connection to the end of the greeting */
};

enum ending {
	ENDING_NONE,	    /* under way */
	ENDING_WELL,	    /* greeted as it should */
	ENDING_UNREACHABLE, /* no connection: `error` */
	ENDING_CLOSED,	    /* closed or reset before the first byte */
	ENDING_SILENT,	    /* nothing said within `timeout` */
	ENDING_HALF,	    /* a greeting that never became whole */
	ENDING_TURNED_AWAY, /* the greeting refuses: `code` and `text` */
	ENDING_OBJECTED,    /* an error after the greeting: the header was taken for a command */
	ENDING_FOREIGN,	    /* it speaks something else: `speech` and `text` */
	ENDING_COUNT
};

#define OUTCOME_TEXT 100

/* What came of it, as a value. */
struct outcome {
	enum ending ending;
	int error;	   /* UNREACHABLE: negative errno; CLOSED: -ECONNRESET when reset, else 0 */
	msec_t connect_ms; /* until it was connected, or was not */
	msec_t greeting_ms; /* from then until its greeting was whole, or the end */
	struct addr self;   /* our address on that connection; AF_UNSPEC when there was none */
	enum speech speech;
	enum software software;
	uint16_t code;
	bool headed;		 /* a PROXY header was sent */
	char text[OUTCOME_TEXT]; /* the line that matters, printable */
};

/* The longest greeting that is read. */
#define CONVERSATION_BYTES 4096

struct conversation {
	int fd;		 /* -1: it is over */
	short events;	 /* to poll(2) for */
	msec_t deadline; /* step at the latest then */
	struct outcome outcome;
	struct conversation_plan plan;
	/* Its own. */
	enum { CONNECTING, PASSING, LISTENING, LEAVING, DRAINING } phase;
	msec_t since;
	size_t out_len, out_sent, used;
	uint8_t out[PP_WRITE_MAX + OPENING_MAX];
	uint8_t bytes[CONVERSATION_BYTES];
};

/* It may be over when this returns. The plan is copied. */
void conversation_start(struct conversation *c, const struct conversation_plan *plan, msec_t now);

/* What poll(2) returned (0 at a deadline). */
void conversation_step(struct conversation *c, short revents, msec_t now);

bool conversation_over(const struct conversation *c);

/* Ends it without ceremony; harmless when it is over. The outcome may be ENDING_NONE then. */
void conversation_stop(struct conversation *c);

/* The outcome in a few words: "connection refused", "turns away: 421 4.3.0 too busy". Returns `out`. */
#define OUTCOME_WORDS 200
char *outcome_words(const struct outcome *o, char out[static OUTCOME_WORDS]);

#endif
