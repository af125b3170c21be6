#include "relay/relay.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "relay/carrier.h"
#include "relay/held.h"
#include "relay/marks.h"
#include "relay/outbox.h"

/* Not POLLOUT: there is room when a flow begins, which would be a result of its own, and most flows never fill a buffer. */
#define LEG_EVENTS (POLLIN | POLLRDHUP)

/* Where the kernel carries what arrives, each segment would wake us. */
#define QUIET_EVENTS POLLRDHUP

static void watch(struct relay *r, struct leg *leg)
{
	ring_poll(r->host->ring, &leg->poll, leg->fd, leg->quiet ? QUIET_EVENTS : LEG_EVENTS);
}

/* From the first time on: then it costs only what follows a full buffer. Room that there is by now is a result, too. */
static void await_room(struct relay *r, struct leg *leg)
{
	if (!leg->room.armed)
		ring_poll(r->host->ring, &leg->room, leg->fd, POLLOUT);
}

static void end(struct relay *r, enum relay_end how)
{
	if (r->ended)
		return;
	r->ended = true;
	r->host->ended(r, how);
}

static void broken(struct relay *r, const struct leg *leg)
{
	if (!r->ended)
		r->broken_side = (uint8_t)(leg - r->leg);
	end(r, RELAY_BROKEN);
}

/* shutdown(2) rather than IORING_OP_SHUTDOWN: the opcode always goes to a kernel worker
 * thread (io_uring/net.c, REQ_F_FORCE_ASYNC), and the call does not block on TCP. */
static void pass_end(struct relay *r, struct half *h)
{
	shutdown(half_dst(r, h)->fd, SHUT_WR);
	h->state = HALF_SHUT;
	r->last_moved = r->host->now;
	if (r->one_ended) {
		end(r, RELAY_CLOSED);
		return;
	}
	r->one_ended = true;
	r->first_end = (uint8_t)(h - r->half);
}

static void drive(struct relay *r, struct half *h);

/* A failed leg still delivers what arrived before the failure, as it would without us (a
 * server's last words before its reset); then, or when the other side takes no more, the other
 * leg is reset. */
static void settle_failure(struct relay *r, struct leg *leg)
{
	struct half *from = &r->half[leg->server];

	if (r->ended || !leg->failed || from->busy)
		return;
	if (from->state == HALF_OPEN && from->readable && !from->blocked)
		return;
	broken(r, leg);
}

static void fail_leg(struct relay *r, struct leg *leg)
{
	struct half *from = &r->half[leg->server];

	if (leg->failed) {
		/* What it said before is still on its way. */
		if (!from->busy)
			broken(r, leg);
		return;
	}
	leg->failed = true;
	from->readable = from->to_end = true;
	drive(r, from);
	settle_failure(r, leg);
}

static void conclude(struct relay *r, struct half *h, enum pump result)
{
	switch (result) {
	case PUMP_DRY:
		break;
	case PUMP_BUSY:
		h->busy = true;
		break;
	case PUMP_FULL:
		/* Room may have been reported while a flight was out. */
		h->readable = true;
		h->blocked = !h->writable;
		if (h->blocked)
			await_room(r, half_dst(r, h));
		else
			run_soon(r);
		break;
	case PUMP_MORE:
		h->readable = true;
		run_soon(r);
		break;
	case PUMP_EOF:
		/* After a failure a socket reads as ended, once the error was fetched: passing that
		 * on would make a cut stream look complete. */
		if (half_src(r, h)->failed)
			broken(r, half_src(r, h));
		else
			pass_end(r, h);
		break;
	case PUMP_SRC_FAILED:
		broken(r, half_src(r, h));
		break;
	case PUMP_DST_FAILED:
		fail_leg(r, half_dst(r, h));
		break;
	case PUMP_FAILED:
		end(r, RELAY_FAILED);
		break;
	}
}

/* So many bytes tell how a client begins. */
#define LOOK_BYTES 16

/* True when what the client sends may pass, or is nothing to look at. What is not enough stays where it is: more of it, or
 * its end, is a new event. */
static bool may_pass(struct relay *r, struct half *h)
{
	uint8_t bytes[LOOK_BYTES];
	ssize_t n = recv(half_src(r, h)->fd, bytes, sizeof(bytes), MSG_PEEK | MSG_DONTWAIT);
	int verdict = n > 0 ? r->host->refuses(bytes, (size_t)n) : -1;

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return false;
	/* To look fetched the error: the next read would take it for an end. */
	if (n < 0)
		broken(r, half_src(r, h));
	else if (verdict > 0)
		end(r, RELAY_REFUSED);
	r->looking = verdict == 0 && !h->to_end;
	return !r->looking && !r->ended;
}

/* From so many bytes on a move is a large one. */
#define LARGE 32768

static void note_moved(struct relay *r, const struct half *h)
{
	r->last_moved = r->host->now;
	r->last_from = (uint8_t)(h - r->half);
}

static void drive(struct relay *r, struct half *h)
{
	uint64_t before = h->moved;
	enum pump result;

	if (r->ended || h->state == HALF_SHUT || h->blocked || h->busy)
		return;
	if (h->lost) {
		end(r, RELAY_FAILED);
		return;
	}
	if (!h->readable && !held_bytes(h))
		return;
	if (h->posted) {
		run_soon(r);
		return;
	}
	h->readable = h->writable = h->unlooked = false;
	if (r->looking && h == &r->half[CLIENT] && !may_pass(r, h))
		return;
	result = r->path->pump(r, h);
	if (h->moved != before)
		note_moved(r, h);
	if (h->moved - before >= LARGE)
		r->host->bulk += h->moved - before;
	conclude(r, h, result);
}

static void note_events(struct leg *leg, struct half *from, struct half *to, unsigned mask)
{
	if (mask & (POLLIN | POLLRDHUP | POLLHUP | POLLERR))
		from->readable = true;
	if (mask & (POLLRDHUP | POLLHUP | POLLERR))
		from->to_end = true;
	if (mask & (POLLOUT | POLLERR | POLLHUP)) {
		to->writable = true;
		to->blocked = false;
	}
	if (mask & POLLERR)
		leg->failed = true;
}

static void on_ready(struct leg *leg, int res)
{
	struct relay *r = container_of(leg - leg->server, struct relay, leg[0]);
	struct half *from = &r->half[leg->server];
	struct half *to = &r->half[!leg->server];

	if (r->closing)
		return;
	if (res < 0) {
		broken(r, leg);
		return;
	}
	note_events(leg, from, to, (unsigned)res);
	if (!leg->poll.armed)
		watch(r, leg);
	drive(r, from);
	drive(r, to);
	settle_failure(r, leg);
}

static void on_poll(struct op *op, int res)
{
	on_ready(container_of(op, struct leg, poll), res);
}

static void on_room(struct op *op, int res)
{
	on_ready(container_of(op, struct leg, room), res);
}

/* What the client said before goes to the server first. False: no memory for what it does not take yet. */
static bool send_opening(struct relay *r, const struct relay_opening *o)
{
	struct half *up = &r->half[CLIENT];
	ssize_t n = o->n ? send(r->leg[SERVER].fd, o->bytes, o->n, MSG_DONTWAIT | MSG_NOSIGNAL) : 0;
	size_t sent = (size_t)max_of(n, (ssize_t)0);

	up->moved = sent;
	if (sent == o->n)
		return true;
	/* A failure shows when the rest is sent. */
	if (held_keep(up, o->bytes + sent, o->n - sent) == PUMP_FAILED)
		return false;
	run_soon(r);
	return true;
}

bool relay_start_with(struct relay *r, struct relay_host *host, const struct path *path, int client,
		      int server, const struct relay_opening *o)
{
	const int fds[2] = { client, server };
	bool ok;

	*r = (struct relay){ .host = host,
			     .path = path,
			     .last_moved = host->now,
			     .last_from = SERVER,
			     .looking = o->look };
	list_init(&r->runnable);
	for (size_t i = 0; i < 2; i++) {
		r->leg[i].fd = fds[i];
		r->leg[i].server = i == SERVER;
		r->leg[i].poll.done = on_poll;
		r->leg[i].room.done = on_room;
	}
	ok = send_opening(r, o);
	/* What is held, or has to be looked at, is not the kernel's to overtake. */
	if (path->carrier && ok && !r->looking && !held_bytes(&r->half[CLIENT]))
		path->carrier->start(r);
	for (size_t i = 0; i < 2; i++)
		watch(r, &r->leg[i]);
	return ok;
}

void relay_start(struct relay *r, struct relay_host *host, const struct path *path, int client,
		 int server)
{
	relay_start_with(r, host, path, client, server, &(struct relay_opening){ 0 });
}

static void settle_failures(struct relay *r)
{
	for (size_t i = 0; i < 2 && !r->closing; i++)
		settle_failure(r, &r->leg[i]);
}

void relay_resume(struct relay *r)
{
	list_del(&r->runnable);
	for (size_t i = 0; i < 2 && !r->closing; i++)
		drive(r, &r->half[i]);
	settle_failures(r);
}

void relay_landed(struct relay *r, struct half *h, enum pump result)
{
	h->busy = false;
	if (result == PUMP_MORE) {
		note_moved(r, h);
		h->readable = true;
		drive(r, h);
	} else {
		conclude(r, h, result);
	}
	settle_failures(r);
}

void relay_again(struct relay *r, struct half *h)
{
	h->busy = false;
	h->readable = true;
	drive(r, h);
	settle_failures(r);
}

void relay_refresh(struct relay *r)
{
	if (r->carriage)
		r->path->carrier->refresh(r);
}

bool relay_half_closed(const struct relay *r)
{
	return r->one_ended;
}

bool relay_at_rest(struct relay *r)
{
	for (size_t i = 0; i < 2; i++)
		if (held_bytes(&r->half[i]) || r->half[i].busy || r->half[i].posted ||
		    r->half[i].readable || r->half[i].unlooked)
			return false;
	if (r->carriage && !r->path->carrier->at_rest(r))
		return false;
	return !r->one_ended && r->last_from == SERVER && list_empty(&r->runnable);
}

const char *relay_path_name(const struct relay *r)
{
	return r->path->used ? r->path->used(r) : r->path->name;
}

void reset_on_close(int fd)
{
	const struct linger now = { .l_onoff = 1, .l_linger = 0 };

	setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
}

void relay_close(struct relay *r, bool reset)
{
	if (r->closing)
		return;
	r->closing = r->ended = true;
	list_del(&r->runnable);
	outbox_forget(r);
	marks_forget(r);
	if (r->carriage)
		r->path->carrier->stop(r);
	for (size_t i = 0; i < 2; i++) {
		held_cancel(r->host->ring, &r->half[i]);
		if (reset)
			reset_on_close(r->leg[i].fd);
		ring_cancel(r->host->ring, &r->leg[i].poll);
		ring_cancel(r->host->ring, &r->leg[i].room);
	}
	relay_reap(r);
}

/* The descriptors stay open while a flight is out: its worker looks them up when it runs. */
static void release(struct relay *r)
{
	for (size_t i = 0; i < 2; i++) {
		held_release(r->host->pipes, &r->half[i]);
		if (r->leg[i].fd >= 0)
			ring_close_fd(r->host->ring, r->leg[i].fd);
		r->leg[i].fd = -1;
	}
}

bool relay_reap(struct relay *r)
{
	if (held_in_flight(&r->half[0]) || held_in_flight(&r->half[1]))
		return false;
	release(r);
	for (size_t i = 0; i < 2; i++)
		if (r->leg[i].poll.armed || r->leg[i].room.armed)
			return false;
	return true;
}
