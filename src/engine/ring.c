#include "engine/ring.h"

#include <errno.h>
#include <liburing.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "engine/timer.h"

/* Submissions between two turns. A fuller queue is submitted early, nothing breaks. */
#define SQ_ENTRIES 512

/* Room for a burst of results: a turn can end thousands of flows (drain). The kernel keeps what
 * does not fit (IORING_FEAT_NODROP), but ends multishot requests then, which costs re-arming. */
#define CQ_ENTRIES 8192

/* Threads of the kernel that execute IORING_OP_SPLICE for one ring. */
#define SPLICE_WORKERS 2

#define FEATURES_TEXT 128

struct ring {
	struct io_uring uring;
	bool splices;
	char features[FEATURES_TEXT];
};

/* In the order they are given up when a kernel refuses: the newest first. */
static const struct {
	unsigned flag;
	unsigned needs; /* a flag that makes no sense without it goes with it */
	const char *name;
} wishes[] = {
	/* Completions are worked off only when this thread asks: no interruption between turns. */
	{ IORING_SETUP_DEFER_TASKRUN, IORING_SETUP_SINGLE_ISSUER, "defer-taskrun" },
	{ IORING_SETUP_SINGLE_ISSUER, 0, "single-issuer" },
	/* Without defer-taskrun the next best: no inter-processor interrupt for completions. */
	{ IORING_SETUP_COOP_TASKRUN, 0, "coop-taskrun" },
	/* One bad submission must not hold back those behind it. */
	{ IORING_SETUP_SUBMIT_ALL, 0, "submit-all" },
};

static int set_up(struct ring *r, unsigned flags)
{
	struct io_uring_params p = { .flags = flags | IORING_SETUP_CQSIZE,
				     .cq_entries = CQ_ENTRIES };

	memset(&r->uring, 0, sizeof(r->uring));
	return io_uring_queue_init_params(SQ_ENTRIES, &r->uring, &p);
}

static void describe(struct ring *r, unsigned flags)
{
	size_t used = 0;

	for (size_t i = 0; i < ARRAY_LEN(wishes); i++)
		if (flags & wishes[i].flag)
			used += (size_t)snprintf(r->features + used, sizeof(r->features) - used,
						 "%s%s", used ? " " : "", wishes[i].name);
}

static void probe(struct ring *r)
{
	struct io_uring_probe *p = io_uring_get_probe_ring(&r->uring);

	r->splices = p && io_uring_opcode_supported(p, IORING_OP_SPLICE);
	io_uring_free_probe(p);
}

static int set_up_best(struct ring *r)
{
	unsigned flags = 0;
	int err;

	for (size_t i = 0; i < ARRAY_LEN(wishes); i++)
		flags |= wishes[i].flag;
	err = set_up(r, flags);
	for (size_t i = 0; err == -EINVAL && i < ARRAY_LEN(wishes); i++) {
		flags &= ~wishes[i].flag;
		err = set_up(r, flags);
	}
	if (err == 0)
		describe(r, flags);
	return err;
}

int ring_open(struct ring **out)
{
	unsigned workers[2] = { SPLICE_WORKERS, SPLICE_WORKERS };
	struct ring *r = calloc(1, sizeof(*r));
	int err;

	if (!r)
		return -ENOMEM;
	err = set_up_best(r);
	if (err < 0) {
		free(r);
		return err;
	}
	probe(r);
	/* Both are savings only: a kernel without them works as well. */
	io_uring_register_ring_fd(&r->uring);
	io_uring_register_iowq_max_workers(&r->uring, workers);
	*out = r;
	return 0;
}

void ring_close(struct ring *r)
{
	if (!r)
		return;
	io_uring_queue_exit(&r->uring);
	free(r);
}

static bool sysctl_disables(void)
{
	FILE *f = fopen("/proc/sys/kernel/io_uring_disabled", "re");
	int value = 0;

	if (!f)
		return false;
	if (fscanf(f, "%d", &value) != 1)
		value = 0;
	fclose(f);
	return value != 0;
}

void ring_explain(int error, char *text, size_t size)
{
	if (error == -EPERM && sysctl_disables())
		snprintf(
			text, size,
			"io_uring is not allowed: the sysctl kernel.io_uring_disabled is set; "
			"remedy: sysctl kernel.io_uring_disabled=0 (or 1 and the group of kernel.io_uring_group)");
	else if (error == -EPERM)
		snprintf(
			text, size,
			"io_uring is not allowed: a seccomp filter forbids it (Docker 25 and later, "
			"containerd, systemd's SystemCallFilter); remedy: a profile that allows io_uring_setup, "
			"io_uring_enter and io_uring_register");
	else if (error == -ENOSYS)
		snprintf(
			text, size,
			"io_uring is not available: the kernel is built without it, or a sandbox (gVisor, "
			"seccomp) hides it; remedy: a Linux kernel 6.1 or later with CONFIG_IO_URING, or a seccomp "
			"profile that allows io_uring_setup, io_uring_enter and io_uring_register");
	else if (error == -ENOMEM)
		snprintf(
			text, size,
			"io_uring is refused for want of memory; remedy: a higher memory limit of the "
			"container or service (LimitMEMLOCK=, MemoryMax=)");
	else if (error == -EMFILE || error == -ENFILE)
		snprintf(
			text, size,
			"no file descriptor is left for io_uring; remedy: a higher limit (LimitNOFILE=, ulimit -n)");
	else
		snprintf(text, size,
			 "io_uring cannot be set up: %s; remedy: a Linux kernel 6.1 or later",
			 strerror(-error));
}

const char *ring_features(const struct ring *r)
{
	return r->features;
}

bool ring_can_splice(const struct ring *r)
{
	return r->splices;
}

void ring_submit(struct ring *r)
{
	int n = io_uring_submit(&r->uring);

	/* EBUSY and EAGAIN pass: the next turn takes results off and submits the rest. */
	if (n < 0 && n != -EBUSY && n != -EAGAIN && n != -EINTR)
		panic("io_uring_enter: %s", strerror(-n));
}

/* `n` slots in one submission: a chain of links does not survive a submit in its middle. */
static void reserve(struct ring *r, unsigned n)
{
	while (io_uring_sq_space_left(&r->uring) < n)
		ring_submit(r);
}

static struct io_uring_sqe *next_sqe(struct ring *r)
{
	reserve(r, 1);
	return io_uring_get_sqe(&r->uring);
}

static void arm(struct io_uring_sqe *sqe, struct op *op)
{
	if (op->armed)
		panic("an operation was started twice");
	op->armed = true;
	io_uring_sqe_set_data(sqe, op);
}

/* Nobody waits for the result: only a failure comes back, without an owner. */
static void arm_nobody(struct io_uring_sqe *sqe)
{
	sqe->flags |= IOSQE_CQE_SKIP_SUCCESS;
	io_uring_sqe_set_data(sqe, NULL);
}

void ring_accept(struct ring *r, struct op *op, int fd, bool multishot)
{
	struct io_uring_sqe *sqe = next_sqe(r);

	if (multishot)
		io_uring_prep_multishot_accept(sqe, fd, NULL, NULL, SOCK_CLOEXEC);
	else
		io_uring_prep_accept(sqe, fd, NULL, NULL, SOCK_CLOEXEC);
	arm(sqe, op);
}

void ring_connect(struct ring *r, struct op *op, int fd, const struct addr *to)
{
	struct io_uring_sqe *sqe = next_sqe(r);

	io_uring_prep_connect(sqe, fd, &to->sa, addr_len(to));
	arm(sqe, op);
}

/* MSG_WAITALL: the ring goes on after a short send by itself (io_uring_prep_send(3)). */
static void prepare_send(struct io_uring_sqe *sqe, int fd, const void *buf, size_t len)
{
	io_uring_prep_send(sqe, fd, buf, len, MSG_NOSIGNAL | MSG_WAITALL);
}

void ring_connect_send(struct ring *r, struct op *connect, struct op *send, int fd,
		       const struct addr *to, const void *buf, size_t len)
{
	struct io_uring_sqe *first, *second;

	reserve(r, 2);
	first = io_uring_get_sqe(&r->uring);
	second = io_uring_get_sqe(&r->uring);
	io_uring_prep_connect(first, fd, &to->sa, addr_len(to));
	first->flags |= IOSQE_IO_LINK;
	arm(first, connect);
	prepare_send(second, fd, buf, len);
	arm(second, send);
}

void ring_send(struct ring *r, struct op *op, int fd, const void *buf, size_t len)
{
	struct io_uring_sqe *sqe = next_sqe(r);

	prepare_send(sqe, fd, buf, len);
	arm(sqe, op);
}

/* What marks a ring_send_now(): a struct op is aligned to more than a byte. */
#define NOW ((uintptr_t)1)

/* With MSG_WAITALL a short send is a failure: without it, success is silent and short would be, too. MSG_DONTWAIT keeps it
 * from waiting for room in the kernel (io_uring/net.c: io_send(), REQ_F_NOWAIT). */
void ring_send_now(struct ring *r, struct op *op, int fd, const void *buf, size_t len)
{
	struct io_uring_sqe *sqe = next_sqe(r);

	io_uring_prep_send(sqe, fd, buf, len, MSG_NOSIGNAL | MSG_WAITALL | MSG_DONTWAIT);
	sqe->flags |= IOSQE_CQE_SKIP_SUCCESS;
	io_uring_sqe_set_data64(sqe, (uintptr_t)op | NOW);
}

static void tell_now(uintptr_t data, int res)
{
	struct op *op = (struct op *)(data & ~NOW);

	op->done(op, res);
}

bool ring_settle(struct ring *r)
{
	struct io_uring_cqe *cqe;
	unsigned head;

	io_uring_for_each_cqe(&r->uring, head, cqe)
	{
		uintptr_t data = (uintptr_t)cqe->user_data;

		if (!(data & NOW))
			continue;
		/* ring_dispatch() finds nobody's. */
		cqe->user_data = 0;
		tell_now(data, cqe->res);
	}
	return !io_uring_sq_ready(&r->uring) && !io_uring_cq_has_overflow(&r->uring);
}

void ring_recv(struct ring *r, struct op *op, int fd, void *buf, size_t len)
{
	struct io_uring_sqe *sqe = next_sqe(r);

	io_uring_prep_recv(sqe, fd, buf, len, 0);
	arm(sqe, op);
}

void ring_poll(struct ring *r, struct op *op, int fd, unsigned events)
{
	struct io_uring_sqe *sqe = next_sqe(r);

	io_uring_prep_poll_multishot(sqe, fd, events);
	arm(sqe, op);
}

void ring_poll_once(struct ring *r, struct op *op, int fd, unsigned events)
{
	struct io_uring_sqe *sqe = next_sqe(r);

	io_uring_prep_poll_add(sqe, fd, events);
	arm(sqe, op);
}

void ring_splice(struct ring *r, struct op *op, int in, int out, size_t len)
{
	struct io_uring_sqe *sqe = next_sqe(r);

	io_uring_prep_splice(sqe, in, -1, out, -1, (unsigned)len,
			     SPLICE_F_NONBLOCK | SPLICE_F_MOVE);
	arm(sqe, op);
}

void ring_cancel(struct ring *r, struct op *op)
{
	struct io_uring_sqe *sqe;

	if (!op->armed)
		return;
	sqe = next_sqe(r);
	io_uring_prep_cancel(sqe, op, 0);
	arm_nobody(sqe);
}

void ring_close_fd(struct ring *r, int fd)
{
	struct io_uring_sqe *sqe = next_sqe(r);

	io_uring_prep_close(sqe, fd);
	arm_nobody(sqe);
}

void ring_wait(struct ring *r, msec_t wait)
{
	struct __kernel_timespec limit = { .tv_sec = (long long)(wait / 1000),
					   .tv_nsec = (long long)(wait % 1000) * 1000000 };
	struct io_uring_cqe *cqe;
	int n;

	/* Not waiting must still ask for results: with defer-taskrun they are made only then. */
	if (wait == 0)
		n = io_uring_submit_and_get_events(&r->uring);
	else
		n = io_uring_submit_and_wait_timeout(&r->uring, &cqe, 1,
						     wait == TIMER_NONE ? NULL : &limit, NULL);
	if (n < 0 && n != -ETIME && n != -EINTR && n != -EBUSY && n != -EAGAIN)
		panic("io_uring_enter: %s", strerror(-n));
}

unsigned ring_results(const struct ring *r)
{
	return io_uring_cq_ready(&r->uring);
}

void ring_dispatch(struct ring *r)
{
	struct io_uring_cqe *cqe;
	unsigned head, count = 0;
	uintptr_t data;
	struct op *op;

	io_uring_for_each_cqe(&r->uring, head, cqe)
	{
		count++;
		data = (uintptr_t)cqe->user_data;
		op = (struct op *)data;
		if (data & NOW) {
			tell_now(data, cqe->res);
			continue;
		}
		if (!op)
			continue;
		op->armed = cqe->flags & IORING_CQE_F_MORE;
		op->done(op, cqe->res);
	}
	io_uring_cq_advance(&r->uring, count);
}
