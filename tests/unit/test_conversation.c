/* One exchange with a scripted server: what is sent, what is made of the answer, and that nothing is left open. */
#include "backend/conversation.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <time.h>
#include <unistd.h>

#include "check.h"
#include "support/fds.h"

#define SIGNATURE "\r\n\r\n\0\r\nQUIT\n"
#define LOCAL	  SIGNATURE "\x20\0\0\0"

/* What a server does with its one connection: each step waits for what comes before it. */
struct script {
	const char *first;		  /* said at once; NULL: nothing */
	int reads;			  /* then it waits for as many bytes */
	const char *then;		  /* and says this */
	enum { STAYS, ENDS, RESETS } end; /* STAYS: until the client ends */
};

static struct {
	struct script script;
	int listener;
	char heard[1024];
	size_t heard_len;
	bool saw_end; /* the client's, and not a reset */
} server;

static void hear(int fd, size_t upto)
{
	ssize_t n = 1;

	while (server.heard_len < upto && n > 0) {
		n = read(fd, server.heard + server.heard_len,
			 sizeof(server.heard) - server.heard_len);
		if (n > 0)
			server.heard_len += (size_t)n;
		server.saw_end = n == 0;
	}
}

static void *serve(void *arg)
{
	const struct script *s = &server.script;
	int fd = accept4(server.listener, NULL, NULL, SOCK_CLOEXEC);

	(void)arg;
	if (s->first)
		(void)!write(fd, s->first, strlen(s->first));
	hear(fd, (size_t)s->reads);
	if (s->then)
		(void)!write(fd, s->then, strlen(s->then));
	if (s->end == STAYS)
		hear(fd, sizeof(server.heard));
	if (s->end == RESETS)
		fd_reset(fd);
	else
		close(fd);
	return NULL;
}

static msec_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (msec_t)t.tv_sec * 1000 + (msec_t)t.tv_nsec / 1000000;
}

static struct outcome talk(const struct conversation_plan *plan)
{
	static struct conversation c;
	msec_t now = now_ms();

	conversation_start(&c, plan, now);
	while (!conversation_over(&c)) {
		struct pollfd p = { .fd = c.fd, .events = c.events };

		poll(&p, 1, now < c.deadline ? (int)(c.deadline - now) : 0);
		now = now_ms();
		conversation_step(&c, p.revents, now);
	}
	return c.outcome;
}

static struct outcome talk_with(struct script script, struct conversation_plan plan)
{
	struct outcome o;
	pthread_t thread;
	int fds = fds_count();

	memset(&server, 0, sizeof(server));
	server.script = script;
	server.listener = tcp_listen(AF_INET, 1, &plan.to);
	plan.connect_timeout = plan.connect_timeout ? plan.connect_timeout : 5000;
	plan.timeout = plan.timeout ? plan.timeout : 5000;
	cr_assert(pthread_create(&thread, NULL, serve, NULL) == 0);
	o = talk(&plan);
	pthread_join(thread, NULL);
	close(server.listener);
	expect_num(fds_count(), fds, "descriptors");
	return o;
}

/* A timeout that is waited for, and one that no machine is too slow for. */
enum { SHORT = 60, LONG = 5000 };

/* clang-format off */
static const struct row {
	const char *name;
	struct script script;
	enum speech expect;
	int timeout;
	enum ending ending;
	const char *words; /* of the outcome */
} rows[] = {
	{ "SMTP", { "220 hi\r\n", 6, "221 bye\r\n", ENDS }, SPEECH_SMTP, LONG, ENDING_WELL, "answers" },
	{ "SMTP, whatever it is", { "220 hi\r\n", 6, "221 bye\r\n", ENDS }, 0, LONG, ENDING_WELL, "answers" },
	{ "no answer to QUIT but the end", { "220 hi\r\n", 6, NULL, ENDS }, SPEECH_SMTP, LONG, ENDING_WELL, "answers" },
	{ "IMAP", { "* OK hi\r\n", 10, "* BYE\r\na OK\r\n", ENDS }, SPEECH_IMAP, LONG, ENDING_WELL, "answers" },
	{ "the client ends first", { "220 hi\r\n", 6, "221 bye\r\n", STAYS }, SPEECH_SMTP, LONG, ENDING_WELL, "answers" },
	{ "the header is a command", { "220 hi\r\n500 what?\r\n", 6, "221 bye\r\n", ENDS }, SPEECH_SMTP, LONG,
	  ENDING_OBJECTED, "greets, and goes on with an error: 500 what?" },
	{ "and it is said later", { "220 hi\r\n", 6, "500 what?\r\n221 bye\r\n", ENDS }, SPEECH_SMTP, LONG,
	  ENDING_OBJECTED, "greets, and goes on with an error: 500 what?" },
	{ "silent", { NULL, 0, NULL, STAYS }, SPEECH_SMTP, SHORT, ENDING_SILENT, "accepts, but says nothing" },
	{ "half a line", { "220-hi\r\n220 h", 0, NULL, STAYS }, SPEECH_SMTP, SHORT, ENDING_HALF,
	  "begins a greeting and does not end it: 220-hi" },
	{ "half a line, then the end", { "220 h", 0, NULL, ENDS }, SPEECH_SMTP, LONG, ENDING_HALF,
	  "begins a greeting and does not end it: 220 h" },
	{ "closed", { NULL, 0, NULL, ENDS }, SPEECH_SMTP, LONG, ENDING_CLOSED, "closes the connection before the first byte" },
	{ "reset", { NULL, 0, NULL, RESETS }, SPEECH_SMTP, LONG, ENDING_CLOSED, "closes the connection before the first byte" },
	{ "busy", { "421 busy\r\n", 0, NULL, ENDS }, SPEECH_SMTP, LONG, ENDING_TURNED_AWAY, "turns away: 421 busy" },
	{ "another protocol", { "220 hi\r\n", 0, NULL, ENDS }, SPEECH_IMAP, LONG, ENDING_FOREIGN, "speaks SMTP: 220 hi" },
	{ "junk", { "\x01\x02\x1b[2J\n", 0, NULL, STAYS }, SPEECH_SMTP, LONG, ENDING_FOREIGN,
	  "speaks an unknown protocol: ???[2J" },
	{ "TLS", { NULL, 100, "\x16\x03\x03\x01\x02\x02\x01\x01", ENDS }, SPEECH_TLS, LONG, ENDING_WELL, "answers" },
	{ "a TLS alert", { NULL, 100, "\x15\x03\x03\x01\x02\x02\x32", ENDS }, SPEECH_TLS, LONG, ENDING_TURNED_AWAY,
	  "turns away: TLS alert 50" },
	{ "HTTP", { NULL, 17, "HTTP/1.0 200 OK\r\n\r\n", ENDS }, SPEECH_HTTP, LONG, ENDING_WELL, "answers" },
};
/* clang-format on */

Test(conversation, rows)
{
	char words[OUTCOME_WORDS];

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const struct row *r = &rows[i];
		struct outcome o = talk_with(
			r->script, (struct conversation_plan){ .expect = r->expect,
							       .timeout = (msec_t)r->timeout });

		expect_num(o.ending, r->ending, r->name);
		expect_str(outcome_words(&o, words), r->words, r->name);
		expect_num(o.self.sa.sa_family, AF_INET, r->name);
	}
}

Test(conversation, never_a_reset_from_us)
{
	struct script chatty = { "220 hi\r\n", 6, "221 bye\r\nand more\r\nand more\r\n", STAYS };

	talk_with(chatty, (struct conversation_plan){ .expect = SPEECH_SMTP });
	cr_expect(server.saw_end, "the server saw a clean end");
	expect_str(server.heard, "QUIT\r\n", "and nothing but our leave");
}

Test(conversation, a_header_first)
{
	struct conversation_plan plan = { .header = PP_V2, .expect = SPEECH_SMTP };
	struct script script = { "220 hi\r\n", sizeof(LOCAL) - 1 + 6, "221 bye\r\n", ENDS };
	struct pp pp;
	int len;

	talk_with(script, plan);
	cr_expect(server.heard_len == sizeof(LOCAL) - 1 + 6 &&
			  memcmp(server.heard, LOCAL "QUIT\r\n", server.heard_len) == 0,
		  "LOCAL, which claims nothing");
	addr_parse(&plan.claimed, "192.0.2.1", 4711);
	script.reads = 28 + 6;
	talk_with(script, plan);
	len = pp_parse((uint8_t *)server.heard, server.heard_len, &pp);
	expect_num(len, 28, "a header with a client");
	cr_expect(!pp.local && addr_equal(&pp.src, &plan.claimed));
}

Test(conversation, a_header_that_is_taken_for_a_command)
{
	struct script script = { "220 hi\r\n500 what?\r\n", sizeof(LOCAL) - 1 + 6, "221 bye\r\n",
				 ENDS };
	struct outcome o = talk_with(script, (struct conversation_plan){ .header = PP_V2,
									 .expect = SPEECH_SMTP });
	char words[OUTCOME_WORDS];

	expect_str(outcome_words(&o, words), "answers the PROXY header with an error: 500 what?",
		   "v2");
}

/* Postfix refuses UNKNOWN (bad or missing protocol type). */
Test(conversation, version_1_has_the_addresses_of_the_connection)
{
	struct script script = { "220 hi\r\n", 40, "221 bye\r\n", ENDS };
	struct outcome o = talk_with(script, (struct conversation_plan){ .header = PP_V1,
									 .expect = SPEECH_SMTP });
	struct pp pp;

	cr_expect(pp_parse((uint8_t *)server.heard, server.heard_len, &pp) > 0);
	cr_expect(addr_equal(&pp.src, &o.self), "%s", server.heard);
}

Test(conversation, connect_only)
{
	struct script script = { NULL, sizeof(LOCAL) - 1, NULL, STAYS };
	struct outcome o = talk_with(script, (struct conversation_plan){ .header = PP_V2,
									 .connect_only = true });

	expect_num(o.ending, ENDING_WELL, "connected");
	expect_num(server.heard_len, sizeof(LOCAL) - 1, "a whole header");
	cr_expect(server.saw_end, "a clean end");
}

Test(conversation, unreachable)
{
	struct conversation_plan plan = { .to = tcp_closed(), .connect_timeout = LONG };
	struct outcome o = talk(&plan);
	char words[OUTCOME_WORDS];
	int hole[HOLE_FDS];

	expect_num(o.ending, ENDING_UNREACHABLE, "closed");
	expect_num(o.error, -ECONNREFUSED, "closed");
	expect_str(outcome_words(&o, words), "connection refused", "closed");
	plan.to = tcp_black_hole(hole);
	plan.connect_timeout = SHORT;
	o = talk(&plan);
	expect_num(o.error, -ETIMEDOUT, "a black hole");
	expect_num(o.self.sa.sa_family, AF_UNSPEC, "no connection, no address");
	expect_str(outcome_words(&o, words), "no answer to the connection request", "a black hole");
	addr_parse(&plan.to, "255.255.255.255", 25);
	o = talk(&plan);
	expect_num(o.ending, ENDING_UNREACHABLE, "no such route");
	cr_expect(o.error < 0 && o.error != -ETIMEDOUT, "%s", outcome_words(&o, words));
	for (int i = 0; i < HOLE_FDS; i++)
		close(hole[i]);
}

/* More than is ever read: it ends, and without a reset. */
Test(conversation, endless)
{
	static char text[2 * CONVERSATION_BYTES];
	struct outcome o;

	memset(text, 'x', sizeof(text) - 1);
	memcpy(text, "220-", 4);
	o = talk_with((struct script){ text, 0, NULL, STAYS },
		      (struct conversation_plan){ .expect = SPEECH_SMTP });
	expect_num(o.ending, ENDING_HALF, "too long");
	cr_expect(server.saw_end);
}

Test(conversation, stopped)
{
	static struct conversation c;
	struct conversation_plan plan = { .connect_timeout = LONG, .timeout = LONG };
	int listener = tcp_listen(AF_INET, 1, &plan.to), fds = fds_count();

	conversation_start(&c, &plan, now_ms());
	conversation_stop(&c);
	conversation_stop(&c);
	cr_expect(conversation_over(&c));
	expect_num(fds_count(), fds, "descriptors");
	close(listener);
}
