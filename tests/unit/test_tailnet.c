/* The thread that follows tailscaled, against a tailscaled of the test: what names hear, and what they keep. */
#include "backend/tailnet.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/log.h"
#include "base/memory.h"
#include "check.h"
#include "engine/timer.h"

#define NODE   "tailnet:mailbox"
#define IN_DNS "mailbox.rig.ts.net"

#define PEER(key, name, at, online)                                                             \
	"\"" key "\":{\"DNSName\":\"" name                                                      \
	".rig.ts.net.\",\"HostName\":\"mailbox\",\"Online\":" online ",\"TailscaleIPs\":[\"" at \
	"\"]}"
#define STATUS(state, peers)                                                                             \
	"{\"BackendState\":\"" state                                                                     \
	"\",\"TUN\":true,\"CurrentTailnet\":{\"MagicDNSSuffix\":\"rig.ts.net\"},"                        \
	"\"Self\":{\"TailscaleIPs\":[\"100.64.0.1\"],\"DNSName\":\"edge.rig.ts.net.\"},\"Peer\":{" peers \
	"}}"

#define FIRST STATUS("Running", PEER("a", "mailbox", "100.64.0.2", "true"))
#define MOVED STATUS("Running", PEER("b", "mailbox", "100.64.0.3", "true"))
#define GHOST                                                \
	STATUS("Running", PEER("b", "mailbox", "100.64.0.3", \
			       "false") "," PEER("c", "mailbox-1", "100.64.0.4", "true"))
#define GONE STATUS("Running", PEER("d", "another", "100.64.0.9", "true"))

static struct {
	char folder[64], path[96];
	int fd, stop[2];
	pthread_t thread;
	pthread_mutex_t lock;
	const char *code, *body; /* of the status */
	int streams[16];
	size_t nstreams;
} daemon_ = { .fd = -1, .lock = PTHREAD_MUTEX_INITIALIZER };

static struct names names;

static void answer(int fd)
{
	char asked[1024] = "", head[256];

	(void)!recv(fd, asked, sizeof(asked) - 1, 0);
	pthread_mutex_lock(&daemon_.lock);
	if (strstr(asked, "watch-ipn-bus") && daemon_.nstreams < 16) {
		(void)!send(fd, "HTTP/1.1 200 OK\r\n\r\n", 19, MSG_NOSIGNAL);
		daemon_.streams[daemon_.nstreams++] = fd;
	} else {
		snprintf(head, sizeof(head), "HTTP/1.1 %s\r\nContent-Length: %zu\r\n\r\n",
			 daemon_.code, strlen(daemon_.body));
		(void)!send(fd, head, strlen(head), MSG_NOSIGNAL);
		(void)!send(fd, daemon_.body, strlen(daemon_.body), MSG_NOSIGNAL);
		close(fd);
	}
	pthread_mutex_unlock(&daemon_.lock);
}

static void *serve(void *arg)
{
	struct pollfd fds[2] = { { .fd = daemon_.fd, .events = POLLIN },
				 { .fd = daemon_.stop[0], .events = POLLIN } };

	(void)arg;
	while (poll(fds, 2, -1) > 0 && !fds[1].revents) {
		int fd = accept(daemon_.fd, NULL, NULL);

		if (fd >= 0)
			answer(fd);
	}
	return NULL;
}

static void drop_streams(void)
{
	pthread_mutex_lock(&daemon_.lock);
	while (daemon_.nstreams)
		close(daemon_.streams[--daemon_.nstreams]);
	pthread_mutex_unlock(&daemon_.lock);
}

/* What tailscaled knows from now on; it says that something has changed. */
static void now_knows(const char *code, const char *body)
{
	pthread_mutex_lock(&daemon_.lock);
	daemon_.code = code;
	daemon_.body = body;
	for (size_t i = 0; i < daemon_.nstreams; i++)
		(void)!send(daemon_.streams[i], "{}\n", 3, MSG_NOSIGNAL);
	pthread_mutex_unlock(&daemon_.lock);
}

static void daemon_start(const char *body)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };

	now_knows("200 OK", body);
	strcpy(at.sun_path, daemon_.path);
	daemon_.fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	cr_assert(pipe(daemon_.stop) == 0 &&
		  bind(daemon_.fd, (struct sockaddr *)&at, sizeof(at)) == 0 &&
		  listen(daemon_.fd, 16) == 0);
	cr_assert(pthread_create(&daemon_.thread, NULL, serve, NULL) == 0);
}

static void daemon_end(void)
{
	close(daemon_.stop[1]);
	pthread_join(daemon_.thread, NULL);
	close(daemon_.stop[0]);
	close(daemon_.fd);
	unlink(daemon_.path);
	drop_streams();
}

static struct tailnet *open_all(void)
{
	log_set_level(LOG_ERROR);
	strcpy(daemon_.folder, "/tmp/tailsplice-tailnet-XXXXXX");
	cr_assert(mkdtemp(daemon_.folder));
	snprintf(daemon_.path, sizeof(daemon_.path), "%s/tailscaled.sock", daemon_.folder);
	cr_assert(names_open(&names) == 0);
	return tailnet_open(daemon_.path, &names);
}

static void close_all(struct tailnet *t)
{
	tailnet_close(t);
	names_close(&names);
	rmdir(daemon_.folder);
}

/* The first address of a name, or "-". */
static const char *where(struct name *n)
{
	static char text[ADDR_TEXT];
	struct addr at[NAME_ADDRESSES_MAX];

	return name_addresses(n, at) ? addr_format_host(&at[0], text) : "-";
}

static void await_where(struct name *n, const char *wanted)
{
	for (msec_t end = timer_now() + 10000; strcmp(where(n), wanted) != 0 && timer_now() < end;)
		poll(NULL, 0, 5);
	expect_str(where(n), wanted, n->host);
}

static void await_error(struct name *n, const char *wanted)
{
	struct name_view v;

	for (msec_t end = timer_now() + 10000; timer_now() < end; poll(NULL, 0, 5)) {
		name_look(n, &v);
		if (strcmp(v.error, wanted) == 0)
			break;
	}
	expect_str(v.error, wanted, n->host);
}

static void await_known(struct tailnet *t, bool known, const char *why)
{
	struct tailnet_view v;
	bool there = false;

	for (msec_t end = timer_now() + 10000; !there && timer_now() < end; poll(NULL, 0, 5)) {
		tailnet_view(t, &v);
		there = v.wanted && v.known == known && strstr(v.why, why);
		tailnet_view_finish(&v);
	}
	cr_expect(there, "known %d, '%s'", known, why);
}

Test(tailnet, names_follow_their_nodes)
{
	struct tailnet *t = open_all();
	struct name *node = name_hold(&names, NODE), *in_dns = name_hold(&names, IN_DNS),
		    *other = name_hold(&names, "mail.example");
	struct tailnet_view v;

	daemon_start(FIRST);
	tailnet_look(t);
	await_where(node, "100.64.0.2");
	await_where(in_dns, "100.64.0.2");
	expect_str(where(other), "-", "a name elsewhere");
	await_known(t, true, "");
	now_knows("200 OK", MOVED);
	await_where(node, "100.64.0.3");
	now_knows("200 OK", GHOST);
	await_where(node, "100.64.0.4");
	await_where(in_dns, "100.64.0.4");
	tailnet_view(t, &v);
	expect_num(v.count, 2, "names");
	expect_num(v.names[0].verdict, TAILNET_GHOST, "verdict");
	expect_str(v.names[0].use.name, "mailbox-1.rig.ts.net", "used");
	expect_str(v.names[0].other.name, "mailbox.rig.ts.net", "the ghost");
	expect_str(v.self.name, "edge.rig.ts.net", "self");
	tailnet_view_finish(&v);
	now_knows("200 OK", GONE);
	await_error(node, "no such node in the tailnet");
	expect_str(where(node), "100.64.0.4", "the last address is kept");
	name_release(node);
	name_release(in_dns);
	name_release(other);
	daemon_end();
	close_all(t);
}

Test(tailnet, tailscaled_comes_and_goes)
{
	struct tailnet *t = open_all();
	struct name *node = name_hold(&names, NODE);

	tailnet_look(t);
	await_known(t, false, "tailscaled does not run");
	await_error(node, "tailscaled does not tell");
	daemon_start(FIRST);
	await_where(node, "100.64.0.2");
	await_error(node, "");
	daemon_end();
	await_known(t, false, "tailscaled");
	expect_str(where(node), "100.64.0.2", "kept");
	daemon_start(MOVED);
	await_where(node, "100.64.0.3");
	drop_streams();
	now_knows("200 OK", GHOST);
	await_where(node, "100.64.0.4");
	name_release(node);
	daemon_end();
	close_all(t);
}

Test(tailnet, answers_that_are_none)
{
	static const struct {
		const char *code, *body, *why;
	} rows[] = {
		{ "403 Forbidden", "status access denied\n", "refuses to answer this user" },
		{ "404 Not Found", "404 page not found\n", "404" },
		{ "200 OK", "{\"BackendState\":", "no status" },
		{ "200 OK", "<html>", "no status" },
		{ "200 OK", STATUS("Stopped", ""), "not connected (Stopped)" },
		{ "200 OK", STATUS("NeedsLogin", ""), "not connected (NeedsLogin)" },
	};
	struct tailnet *t = open_all();
	struct name *node = name_hold(&names, NODE);

	daemon_start(FIRST);
	tailnet_look(t);
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		now_knows("200 OK", FIRST);
		await_known(t, true, "");
		now_knows(rows[i].code, rows[i].body);
		await_known(t, false, rows[i].why);
		expect_str(where(node), "100.64.0.2", "kept");
	}
	name_release(node);
	daemon_end();
	close_all(t);
}

/* A command asks once. */
Test(tailnet, asked_once)
{
	struct tailnet *t = open_all();
	struct name *node = name_hold(&names, NODE), *in_dns = name_hold(&names, IN_DNS);
	struct tailnet_status s;
	char why[LOCALAPI_WHY];

	tailnet_close(t);
	cr_expect(!tailnet_ask(daemon_.path, &s, why) && !s.count, "nobody");
	expect_has(why, "tailscaled does not run", "why");
	tailnet_tell(&names, NULL, NODE, why);
	await_error(node, why);
	daemon_start(GHOST);
	cr_assert(tailnet_ask(daemon_.path, &s, why), "%s", why);
	tailnet_tell(&names, &s, NODE, "");
	tailnet_tell(&names, &s, IN_DNS, "");
	expect_str(where(node), "100.64.0.4", "told");
	expect_str(where(in_dns), "100.64.0.4", "told");
	tailnet_status_finish(&s);
	name_release(node);
	name_release(in_dns);
	daemon_end();
	close_all(NULL);
}
