#include "backend/interview.h"

#include <stdlib.h>

#include "base/memory.h"

void interview_init(struct interview *q, const struct addr *to, enum pp_version configured,
		    enum speech expect, msec_t connect_timeout, msec_t timeout)
{
	*q = (struct interview){ .to = *to,
				 .connect_timeout = connect_timeout,
				 .timeout = timeout,
				 .evidence = { .configured = configured, .expect = expect } };
}

static void end(struct interview *q, enum manner m)
{
	if (q->talk[m])
		conversation_stop(q->talk[m]);
	free(q->talk[m]);
	q->talk[m] = NULL;
}

void interview_finish(struct interview *q)
{
	for (enum manner m = 0; m < MANNERS; m++)
		end(q, m);
}

bool interview_wants(const struct interview *q)
{
	return q->finding == FINDING_NONE && verdict_next(&q->evidence) != MANNERS;
}

/* When a conversation that has heard nothing counts as quiet. */
static msec_t quiet_at(const struct conversation *c)
{
	return c->deadline - c->plan.timeout + VERDICT_QUIET_MS;
}

/* A conversation that listens and has heard nothing yet. */
static bool is_unheard(const struct conversation *c)
{
	return c->phase == LISTENING && !c->used;
}

/* What is known by now is evidence, even while leave is taken. */
static void note(struct interview *q, enum manner m, msec_t now)
{
	struct conversation *c = q->talk[m];

	q->evidence.outcome[m] = c->outcome;
	q->evidence.quiet[m] = is_unheard(c) && now >= quiet_at(c);
	if (conversation_over(c))
		end(q, m);
}

/* With the verdict, those that still wait for a word are ended; those that take their leave do so politely. */
static void judge(struct interview *q)
{
	q->finding = verdict_of(&q->evidence);
	if (q->finding == FINDING_NONE)
		return;
	for (enum manner m = 0; m < MANNERS; m++)
		if (q->talk[m] && is_unheard(q->talk[m]))
			end(q, m);
}

static struct conversation_plan plan_of(const struct interview *q, enum manner m)
{
	static const enum pp_version headers[] = { PP_OFF, PP_V1, PP_V2, PP_V2 };
	struct conversation_plan plan = {
		.to = q->to,
		.outgoing = q->outgoing,
		.passage = q->passage,
		.header = headers[m == MANNER_AGAIN ? manner_again(&q->evidence) : m],
		.expect = q->evidence.expect,
		.connect_timeout = q->connect_timeout,
		.timeout = q->timeout
	};

	if (m == MANNER_CLIENT)
		addr_parse(&plan.claimed,
			   q->to.sa.sa_family == AF_INET6 ? "2001:db8::1" : "192.0.2.1", 25);
	return plan;
}

msec_t interview_pause(const struct interview *q)
{
	return verdict_next(&q->evidence) == MANNER_AGAIN ? VERDICT_PAUSE_MS : 0;
}

void interview_ask(struct interview *q, msec_t now)
{
	enum manner m = verdict_next(&q->evidence);
	struct conversation_plan plan = plan_of(q, m);

	q->talk[m] = memory_zeroed(1, sizeof(*q->talk[m]));
	q->evidence.asked[m] = true;
	conversation_start(q->talk[m], &plan, now);
	note(q, m, now);
	judge(q);
}

size_t interview_poll(const struct interview *q, struct pollfd out[static MANNERS], msec_t *due)
{
	size_t n = 0;

	for (enum manner m = 0; m < MANNERS; m++) {
		const struct conversation *c = q->talk[m];

		if (!c)
			continue;
		out[n++] = (struct pollfd){ .fd = c->fd, .events = c->events };
		*due = min_of(*due, c->deadline);
		if (is_unheard(c) && !q->evidence.quiet[m])
			*due = min_of(*due, quiet_at(c));
	}
	return n;
}

void interview_step(struct interview *q, const struct pollfd *polled, msec_t now)
{
	for (enum manner m = 0; m < MANNERS; m++) {
		if (!q->talk[m])
			continue;
		conversation_step(q->talk[m], polled->revents, now);
		polled++;
		note(q, m, now);
	}
	if (q->finding == FINDING_NONE)
		judge(q);
}

bool interview_talks(const struct interview *q)
{
	for (enum manner m = 0; m < MANNERS; m++)
		if (q->talk[m])
			return true;
	return false;
}

bool interview_over(const struct interview *q)
{
	return q->finding != FINDING_NONE && !interview_talks(q);
}
