#include "backend/verdict.h"

#include <errno.h>

#include "config/wire.h"

enum manner manner_of(enum pp_version configured)
{
	static const enum manner manners[] = { MANNER_PLAIN, MANNER_V1, MANNER_V2 };

	return manners[configured];
}

static bool is_open(const struct evidence *e, enum manner m)
{
	return e->asked[m] && e->outcome[m].ending == ENDING_NONE;
}

/* Known, or as good as: who is quiet is silent. ENDING_NONE: not yet. */
static enum ending ending_of(const struct evidence *e, enum manner m)
{
	return is_open(e, m) && e->quiet[m] ? ENDING_SILENT : e->outcome[m].ending;
}

enum manner manner_again(const struct evidence *e)
{
	enum manner configured = manner_of(e->configured);

	/* Without a header in the file, whether one is wanted is the question. */
	return configured == MANNER_PLAIN && e->outcome[MANNER_V2].ending == ENDING_CLOSED
		       ? MANNER_V2
		       : configured;
}

static bool is_well(const struct evidence *e, enum manner m)
{
	return e->outcome[m].ending == ENDING_WELL ||
	       (e->outcome[MANNER_AGAIN].ending == ENDING_WELL && manner_again(e) == m);
}

const struct outcome *verdict_outcome(const struct evidence *e)
{
	enum manner configured = manner_of(e->configured);

	return &e->outcome[e->outcome[configured].ending != ENDING_WELL && is_well(e, configured)
				   ? MANNER_AGAIN
				   : configured];
}

/* A server that says something of its own accord, in its own protocol, expects no header. Postfix does so even when it
 * expects one, but only after 5 s. */
static bool speaks_plainly(const struct evidence *e)
{
	const struct outcome *o = &e->outcome[MANNER_PLAIN];

	if (e->expect == SPEECH_TLS || e->expect == SPEECH_HTTP)
		return o->speech == e->expect;
	return o->speech != SPEECH_NONE && o->greeting_ms < VERDICT_QUIET_MS;
}

/* Before other explanations: what was closed without a word, once more. */
static bool wants_again(const struct evidence *e)
{
	return !e->asked[MANNER_AGAIN] && e->outcome[manner_again(e)].ending == ENDING_CLOSED;
}

/* The way on after the first two: once more, the other version, a client. */
static enum manner next_after(const struct evidence *e, enum manner other, bool closed)
{
	if (wants_again(e))
		return MANNER_AGAIN;
	if (e->asked[MANNER_AGAIN] && ending_of(e, MANNER_AGAIN) == ENDING_NONE)
		return MANNERS;
	if (!e->asked[other])
		return other;
	if (ending_of(e, other) == ENDING_NONE || is_well(e, other))
		return MANNERS;
	return closed && !e->asked[MANNER_CLIENT] ? MANNER_CLIENT : MANNERS;
}

/* Asked without a header and not served: is one expected? */
static enum manner next_with_header(const struct evidence *e)
{
	enum ending v2;

	if (speaks_plainly(e))
		return MANNERS;
	if (!e->asked[MANNER_V2])
		return MANNER_V2;
	v2 = ending_of(e, MANNER_V2);
	if (v2 == ENDING_OBJECTED && wants_again(e))
		return MANNER_AGAIN;
	if (v2 == ENDING_NONE || v2 == ENDING_SILENT || v2 == ENDING_OBJECTED ||
	    is_well(e, MANNER_V2))
		return MANNERS;
	return next_after(e, MANNER_V1, v2 == ENDING_CLOSED);
}

/* Asked with a header and not served: is none expected, or another one? */
static enum manner next_without_header(const struct evidence *e, enum manner configured)
{
	enum manner other = configured == MANNER_V2 ? MANNER_V1 : MANNER_V2;
	enum ending ours = ending_of(e, configured);

	if (!e->asked[MANNER_PLAIN])
		return MANNER_PLAIN;
	if (ending_of(e, MANNER_PLAIN) == ENDING_NONE || is_well(e, MANNER_PLAIN) ||
	    is_well(e, configured) || speaks_plainly(e) || ours == ENDING_SILENT)
		return MANNERS;
	return next_after(e, other, ours == ENDING_CLOSED);
}

enum manner verdict_next(const struct evidence *e)
{
	enum manner configured = manner_of(e->configured);

	if (!e->asked[configured])
		return configured;
	switch (ending_of(e, configured)) {
	case ENDING_NONE:
	case ENDING_WELL:
	case ENDING_UNREACHABLE:
	case ENDING_OBJECTED:
	case ENDING_HALF:
		return MANNERS;
	default:
		return configured == MANNER_PLAIN ? next_with_header(e)
						  : next_without_header(e, configured);
	}
}

/* Another manner than the configured one is served. */
static enum finding better_manner(const struct evidence *e, enum manner configured)
{
	if (is_well(e, MANNER_PLAIN))
		return FINDING_WANTS_NONE;
	if (is_well(e, MANNER_V2))
		return configured == MANNER_PLAIN ? FINDING_WANTS_HEADER : FINDING_WANTS_V2;
	if (is_well(e, MANNER_V1))
		return FINDING_WANTS_V1;
	if (is_well(e, MANNER_CLIENT))
		return configured == MANNER_PLAIN ? FINDING_WANTS_HEADER
		       : configured == MANNER_V1  ? FINDING_WANTS_V2
						  : FINDING_BANS_EDGE;
	return FINDING_NONE;
}

static enum finding unreachable(const struct outcome *o)
{
	if (o->error == -ECONNREFUSED)
		return FINDING_CLOSED_PORT;
	return o->error == -ETIMEDOUT ? FINDING_NO_ANSWER : FINDING_NO_WAY;
}

static bool is_under_way(const struct evidence *e)
{
	for (enum manner m = 0; m < MANNERS; m++)
		if (is_open(e, m))
			return true;
	return verdict_next(e) != MANNERS;
}

enum finding verdict_of(const struct evidence *e)
{
	static const enum finding findings[ENDING_COUNT] = {
		[ENDING_CLOSED] = FINDING_CLOSES,	[ENDING_SILENT] = FINDING_STUCK,
		[ENDING_HALF] = FINDING_HALF,		[ENDING_TURNED_AWAY] = FINDING_TURNS_AWAY,
		[ENDING_FOREIGN] = FINDING_FOREIGN,	[ENDING_WELL] = FINDING_FINE,
		[ENDING_OBJECTED] = FINDING_WANTS_NONE,
	};
	enum manner configured = manner_of(e->configured);
	const struct outcome *o = &e->outcome[configured];
	enum finding better;

	if (is_well(e, configured))
		return FINDING_FINE;
	if (o->ending == ENDING_OBJECTED)
		return FINDING_WANTS_NONE;
	if (o->ending == ENDING_UNREACHABLE)
		return unreachable(o);
	better = better_manner(e, configured);
	if (better != FINDING_NONE || is_under_way(e))
		return better;
	if (o->ending == ENDING_SILENT && e->expect == SPEECH_NONE)
		return FINDING_CONNECTS;
	return findings[o->ending];
}

static const struct {
	const char *name;
	enum gravity gravity;
} meanings[FINDING_COUNT] = {
	[FINDING_NONE] = { "unknown", GRAVITY_ENVIRONMENT },
	[FINDING_FINE] = { "fine", GRAVITY_OK },
	[FINDING_CONNECTS] = { "connects", GRAVITY_OK },
	[FINDING_WANTS_HEADER] = { "wants-header", GRAVITY_MISTAKE },
	[FINDING_WANTS_V1] = { "wants-v1", GRAVITY_MISTAKE },
	[FINDING_WANTS_V2] = { "wants-v2", GRAVITY_MISTAKE },
	[FINDING_WANTS_NONE] = { "wants-none", GRAVITY_MISTAKE },
	[FINDING_BANS_EDGE] = { "bans-edge", GRAVITY_WARN },
	[FINDING_NO_ADDRESS] = { "no-address", GRAVITY_ENVIRONMENT },
	[FINDING_CLOSED_PORT] = { "closed-port", GRAVITY_ENVIRONMENT },
	[FINDING_NO_ANSWER] = { "no-answer", GRAVITY_ENVIRONMENT },
	[FINDING_NO_WAY] = { "no-way", GRAVITY_ENVIRONMENT },
	[FINDING_STUCK] = { "stuck", GRAVITY_ENVIRONMENT },
	[FINDING_CLOSES] = { "closes", GRAVITY_ENVIRONMENT },
	[FINDING_HALF] = { "half", GRAVITY_ENVIRONMENT },
	[FINDING_TURNS_AWAY] = { "turns-away", GRAVITY_ENVIRONMENT },
	[FINDING_FOREIGN] = { "foreign", GRAVITY_MISTAKE },
};

enum gravity finding_gravity(enum finding f)
{
	return meanings[f].gravity;
}

const char *finding_name(enum finding f)
{
	return meanings[f].name;
}

static enum speech speech_of_port(uint16_t port)
{
	enum wire w = wire_of(port);

	if (wire_is_tls(w))
		return SPEECH_TLS;
	switch (w) {
	case WIRE_SMTP:
		return SPEECH_SMTP;
	case WIRE_IMAP:
		return SPEECH_IMAP;
	case WIRE_POP3:
		return SPEECH_POP3;
	case WIRE_SIEVE:
		return SPEECH_SIEVE;
	case WIRE_HTTP:
		return SPEECH_HTTP;
	default:
		return SPEECH_NONE;
	}
}

enum speech speech_of_ports(uint16_t listen, uint16_t server)
{
	enum speech s = speech_of_port(listen);

	return s ? s : speech_of_port(server);
}
