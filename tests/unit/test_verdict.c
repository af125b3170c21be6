/* What is concluded from how a server answers, and how often it has to be asked for that: Stalwart, Postfix, Dovecot and
 * nginx as they were seen to answer, with and without the header they expect. */
#include "backend/verdict.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "check.h"

/* What a server does when asked in one manner. */
struct answer {
	enum ending ending;
	enum speech speech;
	msec_t ms; /* until it spoke */
	int error;
};

#define WELL                                   \
	{                                      \
		ENDING_WELL, SPEECH_SMTP, 3, 0 \
	}
#define SILENT                             \
	{                                  \
		ENDING_SILENT, 0, 10000, 0 \
	}
#define CLOSED                         \
	{                              \
		ENDING_CLOSED, 0, 2, 0 \
	}
#define OBJECTS                                    \
	{                                          \
		ENDING_OBJECTED, SPEECH_SMTP, 3, 0 \
	}
#define NEVER                        \
	{                            \
		ENDING_NONE, 0, 0, 0 \
	} /* is not asked in that manner */

/* clang-format off */
static const struct row {
	const char *name;
	enum pp_version configured;
	enum speech expect;
	struct answer answer[MANNERS]; /* plain, v1, v2, client, again */
	enum finding finding;
	int asked;
} rows[] = {
	{ "agree, off", PP_OFF, SPEECH_SMTP, { WELL, NEVER, NEVER, NEVER }, FINDING_FINE, 1 },
	{ "agree, v2", PP_V2, SPEECH_SMTP, { NEVER, NEVER, WELL, NEVER }, FINDING_FINE, 1 },
	{ "agree, v1", PP_V1, SPEECH_SMTP, { NEVER, WELL, NEVER, NEVER }, FINDING_FINE, 1 },
	{ "Stalwart expects, off", PP_OFF, SPEECH_SMTP, { SILENT, NEVER, WELL, NEVER }, FINDING_WANTS_HEADER, 2 },
	{ "Stalwart expects, off, 993", PP_OFF, SPEECH_TLS, { CLOSED, NEVER, WELL, NEVER }, FINDING_WANTS_HEADER, 2 },
	{ "Postfix expects, off", PP_OFF, SPEECH_SMTP,
	  { { ENDING_TURNED_AWAY, SPEECH_SMTP, 5000, 0 }, NEVER, WELL, NEVER }, FINDING_WANTS_HEADER, 2 },
	{ "Postfix expects, off, 465", PP_OFF, SPEECH_TLS,
	  { { ENDING_FOREIGN, SPEECH_SMTP, 2, 0 }, NEVER, WELL, NEVER }, FINDING_WANTS_HEADER, 2 },
	{ "Dovecot expects, off", PP_OFF, SPEECH_IMAP, { { ENDING_CLOSED, 0, 3000, 0 }, NEVER, WELL, NEVER },
	  FINDING_WANTS_HEADER, 2 },
	{ "Stalwart does not expect, v2", PP_V2, SPEECH_SMTP, { NEVER, NEVER, OBJECTS, NEVER }, FINDING_WANTS_NONE, 1 },
	{ "Stalwart does not expect, v2, 993", PP_V2, SPEECH_TLS,
	  { WELL, NEVER, { ENDING_TURNED_AWAY, SPEECH_TLS, 2, 0 }, NEVER }, FINDING_WANTS_NONE, 2 },
	{ "OpenSSL does not expect, v2", PP_V2, SPEECH_TLS, { WELL, NEVER, CLOSED, NEVER }, FINDING_WANTS_NONE, 2 },
	{ "nginx does not expect, v2, TLS", PP_V2, SPEECH_TLS,
	  { WELL, NEVER, { ENDING_FOREIGN, SPEECH_HTTP, 2, 0 }, NEVER }, FINDING_WANTS_NONE, 2 },
	{ "nginx does not expect, v2, HTTP", PP_V2, SPEECH_HTTP,
	  { WELL, NEVER, { ENDING_TURNED_AWAY, SPEECH_HTTP, 2, 0 }, NEVER }, FINDING_WANTS_NONE, 2 },
	{ "knows version 1 only, v2", PP_V2, SPEECH_SMTP,
	  { SILENT, WELL, { ENDING_TURNED_AWAY, SPEECH_SMTP, 2, 0 }, NEVER }, FINDING_WANTS_V1, 3 },
	{ "knows version 1 only, off", PP_OFF, SPEECH_SMTP, { SILENT, WELL, CLOSED, NEVER, CLOSED }, FINDING_WANTS_V1, 4 },
	{ "knows version 2 only, v1", PP_V1, SPEECH_SMTP, { CLOSED, CLOSED, WELL, NEVER, CLOSED }, FINDING_WANTS_V2, 4 },
	{ "bans the edge, v2", PP_V2, SPEECH_SMTP, { SILENT, CLOSED, CLOSED, WELL, CLOSED }, FINDING_BANS_EDGE, 5 },
	{ "bans the edge and expects, off", PP_OFF, SPEECH_SMTP, { SILENT, CLOSED, CLOSED, WELL, CLOSED },
	  FINDING_WANTS_HEADER, 5 },
	{ "closes whatever comes", PP_V2, SPEECH_SMTP, { CLOSED, CLOSED, CLOSED, CLOSED, CLOSED }, FINDING_CLOSES, 5 },
	{ "the same, off", PP_OFF, SPEECH_SMTP, { CLOSED, CLOSED, CLOSED, CLOSED, CLOSED }, FINDING_CLOSES, 5 },
	{ "throttles for a moment, v2", PP_V2, SPEECH_SMTP, { SILENT, NEVER, CLOSED, NEVER, WELL }, FINDING_FINE, 3 },
	{ "throttles for a moment, off", PP_OFF, SPEECH_SMTP, { CLOSED, NEVER, OBJECTS, NEVER, WELL }, FINDING_FINE, 3 },
	{ "expects, off, throttles", PP_OFF, SPEECH_SMTP, { SILENT, NEVER, CLOSED, NEVER, WELL },
	  FINDING_WANTS_HEADER, 3 },
	{ "stuck, off", PP_OFF, SPEECH_SMTP, { SILENT, NEVER, SILENT, NEVER }, FINDING_STUCK, 2 },
	{ "stuck, v2", PP_V2, SPEECH_SMTP, { SILENT, NEVER, SILENT, NEVER }, FINDING_STUCK, 2 },
	{ "waits for the client", PP_OFF, SPEECH_NONE, { SILENT, NEVER, SILENT, NEVER }, FINDING_CONNECTS, 2 },
	{ "busy", PP_OFF, SPEECH_SMTP, { { ENDING_TURNED_AWAY, SPEECH_SMTP, 2, 0 }, NEVER, NEVER, NEVER },
	  FINDING_TURNS_AWAY, 1 },
	{ "a TLS alert", PP_OFF, SPEECH_TLS, { { ENDING_TURNED_AWAY, SPEECH_TLS, 2, 0 }, NEVER, NEVER, NEVER },
	  FINDING_TURNS_AWAY, 1 },
	{ "another protocol", PP_OFF, SPEECH_SMTP, { { ENDING_FOREIGN, SPEECH_IMAP, 2, 0 }, NEVER, NEVER, NEVER },
	  FINDING_FOREIGN, 1 },
	{ "half a greeting", PP_V2, SPEECH_SMTP, { NEVER, NEVER, { ENDING_HALF, SPEECH_SMTP, 9, 0 }, NEVER },
	  FINDING_HALF, 1 },
	{ "refused", PP_V2, SPEECH_SMTP, { NEVER, NEVER, { ENDING_UNREACHABLE, 0, 0, -ECONNREFUSED }, NEVER },
	  FINDING_CLOSED_PORT, 1 },
	{ "dropped", PP_OFF, SPEECH_SMTP, { { ENDING_UNREACHABLE, 0, 0, -ETIMEDOUT }, NEVER, NEVER, NEVER },
	  FINDING_NO_ANSWER, 1 },
	{ "no route", PP_OFF, SPEECH_SMTP, { { ENDING_UNREACHABLE, 0, 0, -ENETUNREACH }, NEVER, NEVER, NEVER },
	  FINDING_NO_WAY, 1 },
};
/* clang-format on */

static void answer(struct evidence *e, enum manner m, const struct answer *a)
{
	e->outcome[m].ending = a->ending;
	e->outcome[m].speech = a->speech;
	e->outcome[m].greeting_ms = a->ms;
	e->outcome[m].error = a->error;
}

/* As a survey does: one after the other, and beside those that are quiet. */
static int ask(const struct row *r, struct evidence *e)
{
	int asked = 0;
	enum manner m;

	while (verdict_of(e) == FINDING_NONE && (m = verdict_next(e)) != MANNERS) {
		cr_assert(!e->asked[m] && r->answer[m].ending, "%s: manner %d", r->name, m);
		e->asked[m] = true;
		asked++;
		cr_expect(verdict_next(e) == MANNERS || e->quiet[manner_of(e->configured)],
			  "%s: nothing more before it answers", r->name);
		if (r->answer[m].ending != ENDING_SILENT)
			answer(e, m, &r->answer[m]);
		e->quiet[m] = r->answer[m].ending == ENDING_SILENT;
	}
	return asked;
}

Test(verdict, rows)
{
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const struct row *r = &rows[i];
		struct evidence e = { .configured = r->configured, .expect = r->expect };

		expect_num(ask(r, &e), r->asked, r->name);
		for (enum manner m = 0; m < MANNERS; m++)
			if (e.asked[m])
				answer(&e, m, &r->answer[m]);
		expect_num(verdict_of(&e), r->finding, r->name);
	}
}

/* A server that is only slow: what it says in the end counts. */
Test(verdict, slow)
{
	struct evidence e = { .configured = PP_V2, .expect = SPEECH_SMTP };
	const struct answer well = { ENDING_WELL, SPEECH_SMTP, 8000, 0 };

	e.asked[MANNER_V2] = e.quiet[MANNER_V2] = true;
	expect_num(verdict_next(&e), MANNER_PLAIN, "asked beside");
	e.asked[MANNER_PLAIN] = e.quiet[MANNER_PLAIN] = true;
	expect_num(verdict_next(&e), MANNERS, "no third");
	expect_num(verdict_of(&e), FINDING_NONE, "it may still speak");
	answer(&e, MANNER_V2, &well);
	expect_num(verdict_of(&e), FINDING_FINE, "it has");
}

Test(verdict, every_finding_has_a_name)
{
	for (enum finding f = 0; f < FINDING_COUNT; f++)
		cr_expect(finding_name(f) != NULL, "%d", f);
	expect_num(finding_gravity(FINDING_BANS_EDGE), GRAVITY_WARN, "mail flows");
}

Test(verdict, ports)
{
	expect_num(speech_of_ports(25, 10025), SPEECH_SMTP, "25>10025");
	expect_num(speech_of_ports(10993, 993), SPEECH_TLS, "10993>993");
	expect_num(speech_of_ports(1234, 5678), SPEECH_NONE, "unknown");
}
