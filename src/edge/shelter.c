#include "edge/shelter.h"

#include <errno.h>
#include <sys/socket.h>

#include "config/lint_rules.h"

static const char farewell[] = "421 4.3.2 Service not available, try again later\r\n";

/* Milliseconds between two looks whether a server can be reached again, and between two dials that fail. */
#define LOOK_EVERY 100
#define DIAL_EVERY 1000

/* For a name that was never asked: a reload may have brought it. */
#define FIRST_ANSWER 2000

/* How long a client may take to end after the 421. */
#define FAREWELL_LIMIT 5000

/* Of max-flows. */
#define SHARE 4

/* Reads in one turn. */
#define READS 16

static bool has_place(const struct flow *f)
{
	const struct flows *fs = f->flows;

	return f->sheltered ||
	       fs->nsheltered < max_of(admit_limit(fs->admit) / SHARE / fs->id_step, (size_t)1);
}

static bool says_farewell(const struct flow *f)
{
	return f->to->backend->on_down.kind == ON_DOWN_SMTP_421 &&
	       wire_greets_in_smtp(f->plan->profile, addr_port(&f->plan->at)) &&
	       wire_greets_in_smtp(f->plan->profile, f->to->dial.port);
}

static bool is_asking(const struct flow *f)
{
	msec_t waited = f->held ? f->flows->host.now - f->held : 0;

	return waited < FIRST_ANSWER && pool_is_asking(f->to->dial.pool);
}

msec_t shelter_patience(const struct flow *f)
{
	if (f->state == FLOW_FAREWELL)
		return FAREWELL_LIMIT;
	return f->to->backend->on_down.kind == ON_DOWN_HOLD ? f->to->backend->on_down.hold
							    : FIRST_ANSWER;
}

enum shelter shelter_offer(const struct flow *f, enum why why)
{
	bool holds = f->to->backend->on_down.kind == ON_DOWN_HOLD && why != WHY_ERROR;

	if (!has_place(f))
		return SHELTER_NONE;
	if (holds || (why == WHY_NO_ADDRESS && is_asking(f)))
		return SHELTER_HOLD;
	return says_farewell(f) ? SHELTER_FAREWELL : SHELTER_NONE;
}

msec_t shelter_pause(enum why why, msec_t since, msec_t now)
{
	msec_t more = (now - since) / 4;

	if (why == WHY_NO_ADDRESS || why == WHY_BACKEND_DOWN)
		return LOOK_EVERY;
	return min_of(max_of(more, (msec_t)LOOK_EVERY), (msec_t)DIAL_EVERY);
}

enum why shelter_client(int fd)
{
	char byte;
	ssize_t n = recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);

	if (n > 0 || (n < 0 && errno == EAGAIN))
		return WHY_NONE;
	return n == 0 ? WHY_CLIENT_EOF : WHY_CLIENT_RESET;
}

void shelter_say_farewell(int fd)
{
	/* Nothing was sent before: it fits. If it does not, the client is in trouble of its own. */
	(void)!send(fd, farewell, sizeof(farewell) - 1, MSG_DONTWAIT | MSG_NOSIGNAL);
	shutdown(fd, SHUT_WR);
}

bool shelter_is_heard(int fd, void *buffer, size_t size)
{
	ssize_t n = 1;

	for (int i = 0; n > 0 && i < READS; i++)
		n = recv(fd, buffer, size, MSG_DONTWAIT);
	return n == 0 || (n < 0 && errno != EAGAIN);
}
