/* verdict - what is wrong between this edge and one port of a server, concluded from how it answers to different
 * manners of asking; and which manner is worth asking next, so that a server is asked no more than it takes.
 * Pure: no descriptor, no allocation, no log. */
#ifndef TAILSPLICE_BACKEND_VERDICT_H
#define TAILSPLICE_BACKEND_VERDICT_H

#include <stdbool.h>

#include "backend/conversation.h"
#include "codec/banner.h"
#include "codec/pp.h"

/* Without a header; with one of version 1 or 2 on our own behalf; with one of version 2 that names a client which is
 * nobody (192.0.2.1, RFC 5737), to tell a ban of this edge from a server that serves nobody; and once more as before,
 * where a server closed without a word: it may have throttled us for that moment only. */
enum manner { MANNER_PLAIN, MANNER_V1, MANNER_V2, MANNER_CLIENT, MANNER_AGAIN, MANNERS };

/* Before a repetition. Stalwart counts connections by the second. */
#define VERDICT_PAUSE_MS 1200

/* A server that has said nothing for so long probably waits for something else; the next manner is asked beside. */
#define VERDICT_QUIET_MS 2500

struct evidence {
	enum pp_version configured; /* send-proxy */
	enum speech expect;
	bool asked[MANNERS];
	bool quiet[MANNERS];		 /* asked, still open, and silent for VERDICT_QUIET_MS */
	struct outcome outcome[MANNERS]; /* ENDING_NONE: not asked, or under way */
};

enum finding {
	FINDING_NONE, /* not known yet */
	FINDING_FINE,
	FINDING_CONNECTS, /* it waits for the client, and the protocol is not known: no more can be said */
	FINDING_WANTS_HEADER, /* send-proxy is off, and it answers with v2 only */
	FINDING_WANTS_V1,     /* another version than send-proxy says */
	FINDING_WANTS_V2,
	FINDING_WANTS_NONE,  /* it takes the header for a command */
	FINDING_BANS_EDGE,   /* serves a client, but not this edge on its own behalf */
	FINDING_NO_ADDRESS,  /* its name does not resolve */
	FINDING_CLOSED_PORT, /* refused */
	FINDING_NO_ANSWER,   /* to the connection request */
	FINDING_NO_WAY,	     /* the outcome's error */
	FINDING_STUCK,	     /* accepts and says nothing, in whichever manner */
	FINDING_CLOSES,	     /* accepts and closes, in whichever manner */
	FINDING_HALF,
	FINDING_TURNS_AWAY,
	FINDING_FOREIGN, /* speaks something else than that port should */
	FINDING_COUNT
};

/* What a finding means for mail. */
enum gravity { GRAVITY_OK, GRAVITY_WARN, GRAVITY_MISTAKE, GRAVITY_ENVIRONMENT };

/* How flows ask: by send-proxy. */
enum manner manner_of(enum pp_version configured);

/* Which one MANNER_AGAIN repeats. */
enum manner manner_again(const struct evidence *e);

/* How flows would be answered: that of the configured manner, or when it was repeated with success, of that. */
const struct outcome *verdict_outcome(const struct evidence *e);

/* The next one worth asking; MANNERS when there is none, or none yet. */
enum manner verdict_next(const struct evidence *e);

/* FINDING_NONE while something is under way that may decide it, or is still to be asked. */
enum finding verdict_of(const struct evidence *e);

enum gravity finding_gravity(enum finding f);

/* One word, for programs: "wants-header" … */
const char *finding_name(enum finding f);

/* Which protocol is spoken on a port that leads from `listen` to `server`; SPEECH_NONE: not known. */
enum speech speech_of_ports(uint16_t listen, uint16_t server);

#endif
