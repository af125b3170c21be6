/* How a relay begins when its client began before it: what was said leaves first, what must be looked at does not pass unseen. */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "check.h"
#include "codec/pp.h"
#include "engine/timer.h"
#include "support/fds.h"
#include "support/rig.h"

#define V2 "\r\n\r\n\0\r\nQUIT\n"

static void write_all(int fd, const char *text, size_t n)
{
	cr_assert(write(fd, text, n) == (ssize_t)n);
}

static void expect_bytes(struct rig *g, int fd, const char *text, size_t n, const char *label)
{
	char got[100];
	size_t used = 0;
	msec_t end = timer_now() + 5000;

	while (used < n && timer_now() < end) {
		ssize_t more = fd_read(fd, got + used, n - used);

		rig_turn(g, 2);
		used += (size_t)max_of(more, (ssize_t)0);
	}
	cr_expect(used == n && memcmp(got, text, n) == 0, "%s: %zu bytes", label, used);
}

Test(openings, what_was_said_comes_first)
{
	static const struct relay_opening o = { .bytes = (const uint8_t *)"said ", .n = 5 };
	const struct path *path;
	struct rig *g = rig_open(8);
	struct link l;

	for (size_t i = 0; (path = rig_path(g, &i));) {
		link_open_with(g, &l, path, &o);
		write_all(l.peer[CLIENT], "and more", 8);
		expect_bytes(g, l.peer[SERVER], "said and more", 13, path->name);
		write_all(l.peer[SERVER], "answer", 6);
		expect_bytes(g, l.peer[CLIENT], "answer", 6, path->name);
		link_counts(g, &l, CLIENT, 13, path->name);
		link_close(g, &l);
	}
	rig_close(g);
}

/* More than the server's socket takes at once, and the end of stream behind it. */
Test(openings, a_long_one)
{
	enum { LONG = 400000, MORE = 100000 };
	const struct path *path;
	struct rig *g = rig_open(8);
	uint8_t *bytes = malloc(LONG);
	ssize_t got;
	int fd[2];
	struct link l;

	for (size_t i = 0; (path = rig_path(g, &i));) {
		struct stream s = { .label = path->name, .seed = 3 };
		struct relay_opening o = { .bytes = bytes, .n = LONG };

		/* The stream's own bytes, by way of a socket. */
		tcp_pair(fd);
		for (size_t n = 0; n < LONG;) {
			if (s.sent < LONG)
				stream_push(&s, fd[0], LONG - s.sent);
			got = fd_read(fd[1], bytes + n, LONG - n);
			n += (size_t)max_of(got, (ssize_t)0);
		}
		close(fd[0]);
		close(fd[1]);
		link_open_with(g, &l, path, &o);
		while (s.sent < LONG + MORE) {
			stream_push(&s, l.peer[CLIENT], LONG + MORE - s.sent);
			rig_turn(g, 0);
			stream_pull(&s, l.peer[SERVER], 5000);
		}
		shutdown(l.peer[CLIENT], SHUT_WR);
		expect_num(stream_pull_all(&s, g, l.peer[SERVER], UINT64_MAX), 1, path->name);
		expect_num(s.got, LONG + MORE, path->name);
		link_counts(g, &l, CLIENT, LONG + MORE, path->name);
		link_close(g, &l);
	}
	free(bytes);
	rig_close(g);
}

static const struct {
	const char *label;
	const char *first, *second; /* sent one after the other */
	size_t nfirst, nsecond;
	bool ends, refused;
} looks[] = {
#define TEXT(a, b) a, b, sizeof(a) - 1, sizeof(b) - 1
	{ "v1", TEXT("PROXY TCP4", ""), false, true },
	{ "v2", TEXT(V2, ""), false, true },
	{ "v1 in two", TEXT("PRO", "XY "), false, true },
	{ "v2 in two", TEXT("\r", "\n\r\n\0\r\nQUIT\n"), false, true },
	{ "something else", TEXT("EHLO", " a"), false, false },
	{ "first like one", TEXT("PR", "OPFIND"), false, false },
	{ "half of one, and its end", TEXT("PROXY", ""), true, false },
	{ "nothing but an end", TEXT("", ""), true, false },
	{ "one that is not the first", TEXT("x", "PROXY TCP4"), false, false },
};

static void look_at(struct rig *g, const struct path *path, size_t i)
{
	static const struct relay_opening o = { .look = true };
	char whole[100];
	size_t n = looks[i].nfirst + looks[i].nsecond;
	struct link l;

	link_open_with(g, &l, path, &o);
	write_all(l.peer[SERVER], "220", 3);
	expect_bytes(g, l.peer[CLIENT], "220", 3, "the server does not wait");
	write_all(l.peer[CLIENT], looks[i].first, looks[i].nfirst);
	rig_turn(g, 2);
	rig_turn(g, 2);
	if (!l.ended && looks[i].nsecond)
		write_all(l.peer[CLIENT], looks[i].second, looks[i].nsecond);
	if (looks[i].ends)
		shutdown(l.peer[CLIENT], SHUT_WR);
	if (looks[i].refused) {
		cr_expect(link_ended(g, &l), "%s on %s", looks[i].label, path->name);
		expect_num(l.how, RELAY_REFUSED, looks[i].label);
		expect_num(l.relay.half[CLIENT].moved, 0, looks[i].label);
	} else {
		memcpy(whole, looks[i].first, looks[i].nfirst);
		memcpy(whole + looks[i].nfirst, looks[i].second, looks[i].nsecond);
		expect_bytes(g, l.peer[SERVER], whole, n, looks[i].label);
		cr_expect(!l.ended, "%s on %s", looks[i].label, path->name);
	}
	link_close(g, &l);
}

Test(openings, looked_at)
{
	const struct path *path;
	struct rig *g = rig_open(8);

	g->host.refuses = pp_begins;
	for (size_t i = 0; (path = rig_path(g, &i));)
		for (size_t k = 0; k < ARRAY_LEN(looks); k++)
			look_at(g, path, k);
	rig_close(g);
}

Test(openings, a_client_that_breaks_off_while_it_is_looked_at)
{
	static const struct relay_opening o = { .look = true };
	const struct path *path;
	struct rig *g = rig_open(8);
	struct link l;

	g->host.refuses = pp_begins;
	for (size_t i = 0; (path = rig_path(g, &i));) {
		link_open_with(g, &l, path, &o);
		write_all(l.peer[CLIENT], "PRO", 3);
		rig_turn(g, 2);
		fd_reset(l.peer[CLIENT]);
		l.peer[CLIENT] = -1;
		cr_expect(link_ended(g, &l), "%s", path->name);
		expect_num(l.how, RELAY_BROKEN, path->name);
		expect_num(l.relay.broken_side, CLIENT, path->name);
		link_close(g, &l);
	}
	rig_close(g);
}
