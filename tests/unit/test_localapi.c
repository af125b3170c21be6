/* tailscaled as a script: each connection gets the next of the answers, in the pieces they were written in. */
#include "backend/localapi.h"

#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/memory.h"
#include "check.h"
#include "engine/timer.h"

#define OK   "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
#define BODY OK "Content-Length: 7\r\n\r\n{\"a\":1}"

/* "..." leaves the connection open; "#" sends a million bytes, again and again, until it does. */
#define STAYS "..."
#define FLOOD "#"

struct script {
	const char *pieces[8];
	char asked[1024]; /* what the client sent */
	int fd;
};

static struct {
	char folder[64], path[96];
	int fd;
	struct script *scripts;
	size_t count;
	pthread_t thread;
} daemon_;

static void flood(int fd)
{
	static char block[1 << 20];

	memset(block, ' ', sizeof(block));
	while (send(fd, block, sizeof(block), MSG_NOSIGNAL) > 0)
		;
}

static void *serve(void *arg)
{
	(void)arg;
	for (size_t i = 0; i < daemon_.count; i++) {
		struct script *s = &daemon_.scripts[i];
		int fd = s->fd = accept(daemon_.fd, NULL, NULL);

		(void)!recv(fd, s->asked, sizeof(s->asked) - 1, 0);
		for (size_t k = 0; k < 8 && s->pieces[k]; k++) {
			if (strcmp(s->pieces[k], STAYS) == 0)
				fd = -1;
			else if (strcmp(s->pieces[k], FLOOD) == 0)
				flood(fd);
			else
				(void)!send(fd, s->pieces[k], strlen(s->pieces[k]), MSG_NOSIGNAL);
			poll(NULL, 0, 2); /* so that pieces arrive as such */
		}
		if (fd >= 0)
			close(fd);
		s->fd = fd >= 0 ? -1 : s->fd;
	}
	return NULL;
}

static void start(struct script *scripts, size_t count)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };

	strcpy(daemon_.folder, "/tmp/tailsplice-localapi-XXXXXX");
	cr_assert(mkdtemp(daemon_.folder));
	snprintf(daemon_.path, sizeof(daemon_.path), "%s/tailscaled.sock", daemon_.folder);
	strcpy(at.sun_path, daemon_.path);
	daemon_.fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	daemon_.scripts = scripts;
	daemon_.count = count;
	cr_assert(bind(daemon_.fd, (struct sockaddr *)&at, sizeof(at)) == 0);
	cr_assert(listen(daemon_.fd, 8) == 0);
	cr_assert(pthread_create(&daemon_.thread, NULL, serve, NULL) == 0);
}

static void stop(struct localapi *l)
{
	localapi_close(l);
	pthread_join(daemon_.thread, NULL);
	for (size_t i = 0; i < daemon_.count; i++)
		if (daemon_.scripts[i].fd >= 0)
			close(daemon_.scripts[i].fd);
	close(daemon_.fd);
	unlink(daemon_.path);
	rmdir(daemon_.folder);
}

/* Turns until there is that news, for 10 s at most. */
static struct localapi_news turn_until(struct localapi *l,
				       bool (*there)(const struct localapi_news *))
{
	struct localapi_news news;

	for (msec_t end = timer_now() + 10000; timer_now() < end;) {
		localapi_turn(l, 100, &news);
		if (there(&news))
			return news;
	}
	cr_assert(false, "nothing in 10 s");
	return news;
}

static bool is_answered(const struct localapi_news *n)
{
	return n->answered;
}

static bool is_changed(const struct localapi_news *n)
{
	return n->changed;
}

static bool is_lost(const struct localapi_news *n)
{
	return n->lost;
}

static const struct {
	const char *label, *pieces[8], *answer, *why;
} rows[] = {
	{ "whole", { BODY }, "{\"a\":1}", "" },
	{ "in chunks, as Go sends",
	  { OK "Transfer-Encoding: chunked\r\n\r\n3\r\n{\"a\r\n", "4\r\n\":1}\r\n0\r\n\r\n" },
	  "{\"a\":1}",
	  "" },
	{ "byte by byte",
	  { "H", "TTP/1.1 20", "0 OK\r\nContent-Le", "ngth: 7\r\n\r", "\n{\"a\"", ":", "1}" },
	  "{\"a\":1}",
	  "" },
	{ "without length", { OK "\r\n{\"a\"", ":1}" }, "{\"a\":1}", "" },
	{ "403",
	  { "HTTP/1.1 403 Forbidden\r\nContent-Length: 21\r\n\r\nstatus access denied\n" },
	  NULL,
	  "refuses to answer this user" },
	{ "404", { "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n" }, NULL, "404" },
	{ "cut short", { OK "Content-Length: 70\r\n\r\n{\"a\"" }, NULL, "talking to tailscaled" },
	{ "ends at once", { NULL }, NULL, "talking to tailscaled" },
	{ "no HTTP", { "220 mail.example ESMTP\r\n" }, NULL, "talking to tailscaled" },
	{ "says nothing", { STAYS }, NULL, "it hangs" },
	{ "never ends", { OK "\r\n", FLOOD }, NULL, "longer than 32 MiB" },
	{ "a header without end", { OK "X: ", FLOOD }, NULL, "talking to tailscaled" },
};

Test(localapi, answers)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct script script = { 0 };
		struct localapi_news news;
		struct localapi *l;

		memcpy(script.pieces, rows[i].pieces, sizeof(script.pieces));
		start(&script, 1);
		l = localapi_open(daemon_.path);
		localapi_ask(l, strcmp(rows[i].label, "says nothing") ? 10000 : 50);
		cr_expect(localapi_waits(l), "%s: waits", rows[i].label);
		news = turn_until(l, is_answered);
		cr_expect(!localapi_waits(l), "%s: waits no more", rows[i].label);
		expect_has(news.why, rows[i].why, rows[i].label);
		if (rows[i].answer && news.answer)
			cr_expect(news.len == strlen(rows[i].answer) &&
					  memcmp(news.answer, rows[i].answer, news.len) == 0,
				  "%s: another answer", rows[i].label);
		cr_expect(!news.answer == !rows[i].answer, "%s: answer or none: %s", rows[i].label,
			  news.why);
		stop(l);
		expect_has(script.asked,
			   "GET /localapi/v0/status HTTP/1.1\r\nHost: local-tailscaled.sock\r\n",
			   rows[i].label);
	}
}

Test(localapi, the_stream_tells_changes_until_it_ends)
{
	struct script script = { .pieces = { OK "\r\n", "{\"State\":6}\n",
					     "{\"NetMap\":", "{}}\n{}\n" } };
	struct localapi *l;

	start(&script, 1);
	l = localapi_open(daemon_.path);
	localapi_follow(l);
	cr_expect(localapi_follows(l), "follows");
	turn_until(l, is_changed);
	turn_until(l, is_changed);
	expect_has(turn_until(l, is_lost).why, "ended the connection", "end");
	cr_expect(!localapi_follows(l), "follows no more");
	stop(l);
	expect_has(script.asked, "GET /localapi/v0/watch-ipn-bus?mask=4098 ", "asked");
}

/* Half a line is no change, and nothing is kept of a line that never ends. */
Test(localapi, half_a_change)
{
	struct script scripts[] = { { .pieces = { OK "\r\n", "{\"State\":", STAYS } },
				    { .pieces = { BODY } } };
	struct localapi_news news;
	struct localapi *l;

	start(scripts, 2);
	l = localapi_open(daemon_.path);
	localapi_follow(l);
	for (int i = 0; i < 5; i++) {
		localapi_turn(l, 10, &news);
		cr_expect(!news.changed && !news.lost, "nothing yet");
	}
	localapi_ask(l, 10000);
	news = turn_until(l, is_answered);
	cr_expect(news.answer && localapi_follows(l), "asked while it follows: %s", news.why);
	stop(l);
}

Test(localapi, nobody_is_there)
{
	struct localapi *l = localapi_open("/nowhere/tailscaled.sock");

	localapi_follow(l);
	expect_has(turn_until(l, is_lost).why,
		   "tailscaled does not run (/nowhere/tailscaled.sock: No such file", "none");
	localapi_ask(l, 1000);
	expect_has(turn_until(l, is_answered).why, "tailscaled does not run", "asked");
	localapi_close(l);
	localapi_close(NULL);
}

static void *wake(void *l)
{
	localapi_wake(l);
	return NULL;
}

/* A turn that would take a minute. */
Test(localapi, it_can_be_woken)
{
	struct localapi *l = localapi_open("/nowhere");
	struct localapi_news news;
	msec_t began = timer_now();
	pthread_t other;

	cr_assert(pthread_create(&other, NULL, wake, l) == 0);
	localapi_turn(l, 60000, &news);
	pthread_join(other, NULL);
	cr_expect(timer_now() - began < 30000, "it slept");
	localapi_close(l);
}
