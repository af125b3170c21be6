#include "control/exporter.h"

#include <errno.h>
#include <microhttpd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "config/keys.h"
#include "control/metrics.h"
#include "engine/timer.h"

/* What strangers can cost: so many connections, each with so much memory, silent for so many seconds. */
#define CLIENTS	 16u
#define MEMORY	 ((size_t)16 * 1024)
#define PATIENCE 10u
#define BACKLOG	 16

#define PLAIN "text/plain; charset=utf-8"

void exporter_init(struct exporter *e)
{
	list_init(&e->waiting);
}

static int bind_to(const struct addr *at)
{
	int fd = socket(at->sa.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_TCP);
	const int on = 1;
	int err;

	if (fd < 0)
		return -errno;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(fd, &at->sa, addr_len(at)) == 0 && listen(fd, BACKLOG) == 0)
		return fd;
	err = -errno;
	close(fd);
	return err;
}

static enum MHD_Result respond(struct MHD_Connection *c, unsigned status, const char *type,
			       void *text, size_t length, enum MHD_ResponseMemoryMode mode)
{
	struct MHD_Response *r = MHD_create_response_from_buffer(length, text, mode);
	enum MHD_Result result;

	if (!r)
		return MHD_NO;
	MHD_add_response_header(r, MHD_HTTP_HEADER_CONTENT_TYPE, type);
	MHD_add_response_header(r, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
	if (status == MHD_HTTP_METHOD_NOT_ALLOWED)
		MHD_add_response_header(r, MHD_HTTP_HEADER_ALLOW, "GET, HEAD");
	result = MHD_queue_response(c, status, r);
	MHD_destroy_response(r);
	return result;
}

static enum MHD_Result say(struct MHD_Connection *c, unsigned status, const char *words)
{
	return respond(c, status, PLAIN, (void *)(uintptr_t)words, strlen(words),
		       MHD_RESPMEM_PERSISTENT);
}

/* Freed by whoever is the last: the workers' answer, or the client. */
static void release(struct scrape *s)
{
	if (s->asking || s->connection)
		return;
	free(s->text);
	free(s);
}

static enum MHD_Result begin_scrape(struct exporter *e, struct MHD_Connection *c, void **memory)
{
	struct scrape *s = calloc(1, sizeof(*s));

	if (!s)
		return MHD_NO;
	*memory = s;
	s->exporter = e;
	s->connection = c;
	s->asking = true;
	list_init(&s->node);
	list_add(&e->waiting, &s->node);
	MHD_suspend_connection(c);
	e->asked(s);
	return MHD_YES;
}

/* Called when the headers are there, and again when the connection goes on after its suspension. */
static enum MHD_Result on_request(void *cls, struct MHD_Connection *c, const char *url,
				  const char *method, const char *version, const char *upload,
				  size_t *upload_size, void **memory)
{
	struct exporter *e = cls;
	struct scrape *s = *memory;
	char *text;

	(void)version, (void)upload, (void)upload_size;
	if (s) {
		text = s->text;
		s->text = NULL;
		return text ? respond(c, MHD_HTTP_OK, METRICS_TYPE, text, s->length,
				      MHD_RESPMEM_MUST_FREE)
			    : MHD_NO;
	}
	if (strcmp(method, MHD_HTTP_METHOD_GET) != 0 && strcmp(method, MHD_HTTP_METHOD_HEAD) != 0)
		return say(c, MHD_HTTP_METHOD_NOT_ALLOWED, "only GET and HEAD\n");
	if (strcmp(url, "/metrics") == 0)
		return begin_scrape(e, c, memory);
	if (strcmp(url, "/health") != 0)
		return say(c, MHD_HTTP_NOT_FOUND, "there is /metrics, and /health\n");
	if (e->draining(e))
		return say(c, MHD_HTTP_SERVICE_UNAVAILABLE, "draining\n");
	return say(c, MHD_HTTP_OK, "ok\n");
}

static void on_completed(void *cls, struct MHD_Connection *c, void **memory,
			 enum MHD_RequestTerminationCode code)
{
	struct scrape *s = *memory;

	(void)cls, (void)c, (void)code;
	if (!s)
		return;
	*memory = NULL;
	s->connection = NULL;
	release(s);
}

void scrape_answer(struct scrape *s, json_t *status)
{
	s->asking = false;
	list_del(&s->node);
	if (s->connection) {
		s->text = metrics_text(status, &s->length);
		MHD_resume_connection(s->connection);
	}
	json_decref(status);
	release(s);
}

/* libmicrohttpd ends only when no connection is suspended; those that wait get no answer. */
static void stop(struct exporter *e)
{
	if (!e->daemon)
		return;
	list_each(node, &e->waiting) {
		struct scrape *s = container_of(node, struct scrape, node);

		if (s->connection)
			MHD_resume_connection(s->connection);
	}
	MHD_stop_daemon(e->daemon);
	e->daemon = NULL;
}

bool exporter_prepare(const struct exporter *e, const struct global_conf *g, int *fd,
		      struct report *report)
{
	char text[ADDR_TEXT];

	*fd = -1;
	if (g->metrics.sa.sa_family == AF_UNSPEC || addr_equal(&g->metrics, &e->at))
		return true;
	*fd = bind_to(&g->metrics);
	if (*fd < 0)
		report_add(report, key_line(SECTION_GLOBAL, &g->section, "metrics"),
			   "metrics: cannot listen on %s: %s", addr_format(&g->metrics, text),
			   strerror(-*fd));
	return *fd >= 0;
}

static struct MHD_Daemon *start(struct exporter *e, int fd)
{
	struct MHD_Daemon *next = MHD_start_daemon(
		MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME, 0, NULL, NULL, on_request, e,
		MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_CONNECTION_LIMIT, CLIENTS,
		MHD_OPTION_CONNECTION_MEMORY_LIMIT, MEMORY, MHD_OPTION_CONNECTION_TIMEOUT, PATIENCE,
		MHD_OPTION_NOTIFY_COMPLETED, on_completed, NULL, MHD_OPTION_END);

	if (!next) {
		log_error("metrics: the HTTP server cannot start: out of memory or descriptors");
		close(fd);
	}
	return next;
}

void exporter_commit(struct exporter *e, const struct global_conf *g, int fd)
{
	bool stays = fd < 0 && g->metrics.sa.sa_family != AF_UNSPEC;

	if (stays)
		return;
	stop(e);
	e->daemon = fd >= 0 ? start(e, fd) : NULL;
	e->at = e->daemon ? g->metrics : (struct addr){ 0 };
}

size_t exporter_poll(const struct exporter *e, struct pollfd *out)
{
	const union MHD_DaemonInfo *info;

	if (!e->daemon)
		return 0;
	info = MHD_get_daemon_info(e->daemon, MHD_DAEMON_INFO_EPOLL_FD);
	*out = (struct pollfd){ .fd = info ? info->epoll_fd : -1, .events = POLLIN };
	return 1;
}

msec_t exporter_due(const struct exporter *e)
{
	MHD_UNSIGNED_LONG_LONG wait;

	if (!e->daemon || MHD_get_timeout(e->daemon, &wait) != MHD_YES)
		return TIMER_NONE;
	return timer_now() + wait;
}

static unsigned connections(const struct exporter *e)
{
	const union MHD_DaemonInfo *info =
		MHD_get_daemon_info(e->daemon, MHD_DAEMON_INFO_CURRENT_CONNECTIONS);

	return info ? info->num_connections : 0;
}

/* At its limit libmicrohttpd stops to listen, and begins again only in the run after the one that made room. */
void exporter_run(struct exporter *e)
{
	unsigned before;

	if (!e->daemon)
		return;
	do {
		before = connections(e);
		MHD_run(e->daemon);
	} while (connections(e) < before);
}

void exporter_close(struct exporter *e)
{
	stop(e);
}
