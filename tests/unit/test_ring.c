/* Every operation of the ring on the kernel that runs here. */
#include "engine/ring.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"
#include "engine/timer.h"
#include "support/fds.h"
#include "support/turns.h"

Test(ring, open_and_close)
{
	int before = fds_count();
	struct ring *r = ring_of_test();

	cr_expect(strlen(ring_features(r)) > 0, "set-up flags");
	expect_num(fds_count(), before + 1, "descriptors");
	ring_close(r);
	ring_close(NULL);
	expect_num(fds_count(), before, "descriptors");
}

Test(ring, without_descriptors)
{
	struct ring *r = NULL;

	ring_close(ring_of_test());
	fds_exhaust();
	expect_num(ring_open(&r), -EMFILE, "open");
	cr_expect(!r);
}

Test(ring, waits_as_long_as_told)
{
	struct ring *r = ring_of_test();
	msec_t start = timer_now();

	ring_wait(r, 0);
	cr_expect(timer_now() - start < 30, "no time: %lld ms", (long long)(timer_now() - start));
	start = timer_now();
	ring_wait(r, 60);
	cr_expect(timer_now() - start >= 55, "60 ms: %lld", (long long)(timer_now() - start));
	ring_close(r);
}

/* A worker with unfinished work does not wait; it must hear of everything else all the same. */
Test(ring, not_waiting_is_no_deafness)
{
	struct ring *r = ring_of_test();
	struct told t = TOLD;
	int ends[2];

	cr_assert(pipe(ends) == 0);
	ring_poll(r, &t.op, ends[0], POLLIN);
	ring_wait(r, 0);
	cr_assert(write(ends[1], "x", 1) == 1);
	for (int i = 0; i < 100 && !t.count; i++) {
		ring_wait(r, 0);
		ring_dispatch(r);
	}
	expect_num(t.count, 1, "told");
	ring_close(r);
}

Test(ring, poll_tells_each_event_once)
{
	struct ring *r = ring_of_test();
	struct told t = TOLD;
	char byte = 'x';
	int fd[2];

	tcp_pair(fd);
	ring_poll(r, &t.op, fd[0], POLLIN | POLLRDHUP);
	turn_for(r, 20);
	expect_num(t.count, 0, "nothing happened");
	for (int i = 1; i <= 3; i++) {
		cr_assert(write(fd[1], &byte, 1) == 1);
		cr_assert(turn_until_told(r, &t, i), "event %d", i);
		cr_expect(t.last & POLLIN, "mask %x", (unsigned)t.last);
		cr_expect(t.op.armed, "it goes on");
	}
	turn_for(r, 20);
	expect_num(t.count, 3, "readable all the time, told once each");
	shutdown(fd[1], SHUT_WR);
	cr_assert(turn_until_told(r, &t, 4), "the end");
	cr_expect(t.last & POLLRDHUP, "mask %x", (unsigned)t.last);
	ring_cancel(r, &t.op);
	cr_assert(turn_until_told(r, &t, 5), "cancelled");
	expect_num(t.last, -ECANCELED, "cancelled");
	cr_expect(!t.op.armed, "over");
	ring_close(r);
	close(fd[0]);
	close(fd[1]);
}

Test(ring, poll_of_what_is_ready_already)
{
	struct ring *r = ring_of_test();
	struct told t = TOLD;
	int fd[2];

	tcp_pair(fd);
	ring_poll(r, &t.op, fd[0], POLLIN | POLLOUT);
	cr_assert(turn_until_told(r, &t, 1), "room to write");
	cr_expect(t.last & POLLOUT, "mask %x", (unsigned)t.last);
	fd_reset(fd[1]);
	cr_assert(turn_until_told(r, &t, 2), "reset");
	cr_expect(t.last & POLLERR, "mask %x", (unsigned)t.last);
	ring_close(r);
	close(fd[0]);
}

Test(ring, cancel_of_nothing)
{
	struct ring *r = ring_of_test();
	struct told t = TOLD;

	ring_cancel(r, &t.op);
	turn_for(r, 10);
	expect_num(t.count, 0, "told");
	ring_close(r);
}

Test(ring, cancel_twice)
{
	struct ring *r = ring_of_test();
	struct told t = TOLD;
	int fd[2];

	tcp_pair(fd);
	ring_poll(r, &t.op, fd[0], POLLIN);
	ring_cancel(r, &t.op);
	ring_cancel(r, &t.op);
	cr_assert(turn_until_told(r, &t, 1), "cancelled");
	turn_for(r, 10);
	expect_num(t.count, 1, "told");
	cr_expect(!t.op.armed);
	ring_close(r);
}

Test(ring, a_short_send_is_completed)
{
	enum { SIZE = 1000000 };
	struct ring *r = ring_of_test();
	uint8_t *bytes = malloc(SIZE), *got = malloc(SIZE);
	struct told t = TOLD;
	size_t used = 0;
	int fd[2];

	for (size_t i = 0; i < SIZE; i++)
		bytes[i] = (uint8_t)(i * 2654435761u >> 24);
	cr_assert(socketpair(AF_UNIX, SOCK_STREAM, 0, fd) == 0);
	fd_set_option(fd[0], SOL_SOCKET, SO_SNDBUF, 4096);
	ring_send(r, &t.op, fd[0], bytes, SIZE);
	turn_for(r, 20);
	expect_num(t.count, 0, "it does not fit");
	for (int i = 0; i < 5000 && (used < SIZE || !t.count); i++) {
		ssize_t n = fd_read(fd[1], got + used, SIZE - used);

		used += n > 0 ? (size_t)n : 0;
		ring_wait(r, 1);
		ring_dispatch(r);
	}
	expect_num(t.last, SIZE, "all");
	expect_num(used, SIZE, "all");
	cr_expect(memcmp(bytes, got, SIZE) == 0, "in order");
	ring_close(r);
	free(bytes);
	free(got);
}

Test(ring, send_to_nobody_is_no_signal)
{
	struct ring *r = ring_of_test();
	struct told t = TOLD;
	int fd[2];

	cr_assert(socketpair(AF_UNIX, SOCK_STREAM, 0, fd) == 0);
	close(fd[1]);
	signal(SIGPIPE, SIG_DFL);
	ring_send(r, &t.op, fd[0], "x", 1);
	cr_assert(turn_until_told(r, &t, 1));
	expect_num(t.last, -EPIPE, "send");
	ring_close(r);
}

Test(ring, connect)
{
	struct ring *r = ring_of_test();
	struct told t = TOLD;
	struct addr at;
	int listener = tcp_listen(AF_INET, 4, &at), fd = socket(AF_INET, SOCK_STREAM, 0);

	ring_connect(r, &t.op, fd, &at);
	cr_assert(turn_until_told(r, &t, 1));
	expect_num(t.last, 0, "connected");
	close(fd);
	close(listener);
	fd = socket(AF_INET, SOCK_STREAM, 0);
	ring_connect(r, &t.op, fd, &at);
	cr_assert(turn_until_told(r, &t, 2));
	expect_num(t.last, -ECONNREFUSED, "refused");
	close(fd);
	ring_close(r);
}

Test(ring, connect_then_send)
{
	struct ring *r = ring_of_test();
	struct told c = TOLD, s = TOLD;
	struct addr at;
	char got[16] = "";
	int listener = tcp_listen(AF_INET, 4, &at), fd = socket(AF_INET, SOCK_STREAM, 0), peer;

	ring_connect_send(r, &c.op, &s.op, fd, &at, "header", 6);
	cr_assert(turn_until_told(r, &s, 1));
	expect_num(c.count, 1, "connect");
	expect_num(c.last, 0, "connect");
	expect_num(s.last, 6, "send");
	peer = accept(listener, NULL, NULL);
	cr_expect(fd_wait(peer) && read(peer, got, sizeof(got)) == 6);
	expect_str(got, "header", "arrived");
	close(fd);
	close(peer);
	close(listener);

	fd = socket(AF_INET, SOCK_STREAM, 0);
	ring_connect_send(r, &c.op, &s.op, fd, &at, "header", 6);
	cr_assert(turn_until_told(r, &c, 2) && turn_until_told(r, &s, 2));
	expect_num(c.last, -ECONNREFUSED, "connect");
	expect_num(s.last, -ECANCELED, "send");
	cr_expect(!c.op.armed && !s.op.armed);
	close(fd);
	ring_close(r);
}

/* A chain must never be torn by a queue that is nearly full. */
Test(ring, chains_survive_a_full_queue)
{
	enum { CHAINS = 700 };
	struct ring *r = ring_of_test();
	static struct told c[CHAINS], s[CHAINS];
	struct addr at = tcp_closed();
	static int fd[CHAINS];
	struct told odd = TOLD;
	int pipefd[2];

	cr_assert(pipe(pipefd) == 0);
	ring_poll(r, &odd.op, pipefd[0], POLLIN);
	for (size_t i = 0; i < CHAINS; i++) {
		c[i] = s[i] = TOLD;
		fd[i] = socket(AF_INET, SOCK_STREAM, 0);
		ring_connect_send(r, &c[i].op, &s[i].op, fd[i], &at, "x", 1);
	}
	for (size_t i = 0; i < CHAINS; i++) {
		cr_assert(turn_until_told(r, &c[i], 1) && turn_until_told(r, &s[i], 1), "%zu", i);
		cr_assert(c[i].last == -ECONNREFUSED && s[i].last == -ECANCELED, "%zu: %d, %d", i,
			  c[i].last, s[i].last);
		close(fd[i]);
	}
	ring_close(r);
}

Test(ring, cancel_a_connect)
{
	struct ring *r = ring_of_test();
	struct told c = TOLD, s = TOLD;
	int hole[HOLE_FDS], fd = socket(AF_INET, SOCK_STREAM, 0);
	struct addr at = tcp_black_hole(hole);

	ring_connect_send(r, &c.op, &s.op, fd, &at, "x", 1);
	turn_for(r, 30);
	expect_num(c.count, 0, "nobody answers");
	ring_cancel(r, &c.op);
	ring_cancel(r, &s.op);
	cr_assert(turn_until_told(r, &c, 1) && turn_until_told(r, &s, 1));
	cr_expect(c.last < 0 && s.last == -ECANCELED, "%d, %d", c.last, s.last);
	cr_expect(!c.op.armed && !s.op.armed);
	ring_close(r);
}

Test(ring, accept_again_and_again)
{
	struct ring *r = ring_of_test();
	struct told t = TOLD;
	struct addr at;
	int listener = tcp_listen(AF_INET, 8, &at), client[5];

	ring_accept(r, &t.op, listener, true);
	for (int i = 0; i < 5; i++) {
		client[i] = tcp_connect(&at);
		cr_assert(turn_until_told(r, &t, i + 1), "client %d", i);
		cr_assert(t.last >= 0 && t.op.armed, "client %d: %d", i, t.last);
		cr_expect(fcntl(t.last, F_GETFD) & FD_CLOEXEC, "close-on-exec");
		cr_expect(!(fcntl(t.last, F_GETFL) & O_NONBLOCK), "blocking");
		close(t.last);
		close(client[i]);
	}
	ring_cancel(r, &t.op);
	cr_assert(turn_until_told(r, &t, 6));
	expect_num(t.last, -ECANCELED, "cancelled");
	cr_expect(!t.op.armed);
	ring_close(r);
}

Test(ring, accept_once)
{
	struct ring *r = ring_of_test();
	struct told t = TOLD;
	struct addr at;
	int listener = tcp_listen(AF_INET, 8, &at), client[2];

	ring_accept(r, &t.op, listener, false);
	client[0] = tcp_connect(&at);
	client[1] = tcp_connect(&at);
	cr_assert(turn_until_told(r, &t, 1));
	cr_expect(t.last >= 0 && !t.op.armed, "%d", t.last);
	turn_for(r, 20);
	expect_num(t.count, 1, "the second waits");
	close(client[0]);
	close(client[1]);
	ring_close(r);
}

Test(ring, accept_without_descriptors)
{
	struct ring *r = ring_of_test();
	struct told t = TOLD;
	struct addr at;
	int listener = tcp_listen(AF_INET, 8, &at), client = tcp_connect(&at);

	fds_exhaust();
	ring_accept(r, &t.op, listener, true);
	cr_assert(turn_until_told(r, &t, 1));
	expect_num(t.last, -EMFILE, "accept");
	cr_expect(!t.op.armed, "it ended by itself");
	close(client);
	ring_accept(r, &t.op, listener, true);
	cr_assert(turn_until_told(r, &t, 2), "the connection was not lost");
	cr_expect(t.last >= 0, "%d", t.last);
	ring_close(r);
}

Test(ring, close_comes_after_what_was_started)
{
	struct ring *r = ring_of_test();
	struct told t = TOLD;
	char got[16] = "";
	int fd[2], error;

	tcp_pair(fd);
	ring_send(r, &t.op, fd[0], "last words", 10);
	ring_close_fd(r, fd[0]);
	cr_assert(turn_until_told(r, &t, 1));
	turn_for(r, 20);
	cr_expect(fcntl(fd[0], F_GETFD) < 0, "it is closed");
	expect_num(fd_read_all(fd[1], got, sizeof(got), &error), 10, "all arrived");
	expect_num(error, 0, "and an end");
	ring_close(r);
}

Test(ring, splice)
{
	struct ring *r = ring_of_test();
	struct told t = TOLD;
	int fd[2], ends[2];
	char got[16] = "";

	if (!ring_can_splice(r))
		cr_skip_test("this kernel has no IORING_OP_SPLICE");
	tcp_pair(fd);
	cr_assert(pipe2(ends, O_NONBLOCK) == 0);
	fd_nonblocking(fd[0]);
	ring_splice(r, &t.op, fd[0], ends[1], 65536);
	cr_assert(turn_until_told(r, &t, 1));
	expect_num(t.last, -EAGAIN, "nothing is there");
	cr_assert(write(fd[1], "spliced", 7) == 7);
	ring_splice(r, &t.op, fd[0], ends[1], 65536);
	cr_assert(turn_until_told(r, &t, 2));
	expect_num(t.last, 7, "bytes");
	expect_num(read(ends[0], got, sizeof(got)), 7, "bytes");
	expect_str(got, "spliced", "bytes");
	shutdown(fd[1], SHUT_WR);
	ring_splice(r, &t.op, fd[0], ends[1], 65536);
	cr_assert(turn_until_told(r, &t, 3));
	expect_num(t.last, 0, "the end");
	ring_close(r);
}

/* Many more than both queues hold: started in one turn, told all the same. */
Test(ring, a_flood_of_results)
{
	enum { OPS = 20000 };
	struct ring *r = ring_of_test();
	struct told *t = calloc(OPS, sizeof(*t));
	int ends[2];

	cr_assert(pipe(ends) == 0 && write(ends[1], "x", 1) == 1);
	alarm(15);
	for (size_t i = 0; i < OPS; i++) {
		t[i] = TOLD;
		ring_poll(r, &t[i].op, ends[0], POLLIN);
	}
	for (size_t i = 0; i < OPS; i++)
		cr_assert(turn_until_told(r, &t[i], 1), "%zu", i);
	ring_close(r);
	free(t);
}

Test(ring, an_operation_is_started_once)
{
	struct ring *r = ring_of_test();
	struct told t = TOLD;
	int ends[2], status = 0;
	pid_t child;

	ring_close(r);
	cr_assert(pipe(ends) == 0);
	child = fork();
	if (child == 0) {
		close(STDERR_FILENO);
		signal(SIGABRT, SIG_DFL);
		r = ring_of_test();
		ring_poll(r, &t.op, ends[0], POLLIN);
		ring_poll(r, &t.op, ends[0], POLLIN);
		_exit(0);
	}
	cr_assert(waitpid(child, &status, 0) == child);
	cr_expect(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT, "status %x",
		  (unsigned)status);
}

Test(ring, explains)
{
	static const struct {
		int error;
		const char *words[3];
	} rows[] = {
		{ -EPERM, { "io_uring is not allowed", "remedy:", "io_uring_" } },
		{ -ENOSYS, { "io_uring is not available", "remedy:", "CONFIG_IO_URING" } },
		{ -ENOMEM, { "memory", "remedy:", "LimitMEMLOCK" } },
		{ -EINVAL, { "cannot be set up: Invalid argument", "remedy:", "6.1" } },
		{ -EMFILE, { "io_uring", "remedy:", "LimitNOFILE" } },
	};
	char text[512];

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		ring_explain(rows[i].error, text, sizeof(text));
		for (size_t k = 0; k < 3; k++)
			expect_has(text, rows[i].words[k], strerror(-rows[i].error));
		cr_expect(!strchr(text, '\n') && strlen(text) < sizeof(text) - 1, "one line: %s",
			  text);
	}
	ring_explain(-EPERM, text, 20);
	expect_num(strlen(text), 19, "a small buffer is filled and ended");
}
