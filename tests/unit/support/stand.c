#include "stand.h"

#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "../check.h"
#include "base/memory.h"
#include "edge/listener.h"
#include "configs.h"
#include "fds.h"
#include "turns.h"

static void make_plan(struct stand *s, const struct addr *server)
{
	char text[600], to[ADDR_TEXT];
	struct report report;

	snprintf(
		text, sizeof(text),
		"[listen a]\nports = %u\nbind = 127.0.0.1\nbackend = b\n%s[backend b]\nserver = %s\n%s",
		addr_port(&s->at), s->listen_keys ? s->listen_keys : "", addr_format(server, to),
		s->backend_keys ? s->backend_keys : "");
	s->config = config_of(text);
	report_init(&report, "test.ini");
	cr_assert(plan_make(&s->plan, s->config, &report) && s->plan.count == 1);
	pool_open(&s->pool, &s->config->backends[0], &s->registry);
	report_finish(&report);
	s->plan.at[0].to->dial.pool = &s->pool;
	s->plan.at[0].to->account = 1;
	/* Shorter than the configuration allows: a test cannot wait for a second. */
	if (s->idle)
		s->plan.at[0].to->idle = s->idle;
	if (s->half_closed)
		s->plan.at[0].to->half_closed = s->half_closed;
}

static void start_worker(struct stand *s, size_t i)
{
	struct worker *w = &s->workers[i];
	struct order *o = order_new(ORDER_SERVE);
	int fd = listener_open(&s->plan.at[0]);

	cr_assert(fd >= 0, "listen: %d", fd);
	*w = (struct worker){ .admit = &s->admit, .index = i, .of = s->nworkers, .pipes_budget = 8 };
	cr_assert(worker_start(w) == 0);
	o->serve.at = memory_zeroed(1, sizeof(*o->serve.at));
	o->serve.at[o->serve.count++] = (struct order_place){ .plan = &s->plan.at[0], .fd = fd };
	o->serve.accounts = 2;
	worker_tell(w, o);
}

void stand_tell(struct stand *s, enum order_kind kind)
{
	for (size_t i = 0; i < s->nworkers; i++) {
		struct order *o = order_new(kind);

		if (kind == ORDER_DRAIN)
			o->drain.limit = s->drain ? s->drain : 2000;
		worker_tell(&s->workers[i], o);
	}
}

void stand_start(struct stand *s, const struct addr *server)
{
	/* A machine without io_uring skips the test here. */
	ring_close(ring_of_test());
	signal(SIGPIPE, SIG_IGN);
	s->fds_before = fds_count();
	cr_assert(registry_open(&s->registry) == 0);
	s->nworkers = s->nworkers ? s->nworkers : 1;
	s->at = tcp_closed();
	make_plan(s, server);
	cr_assert(pipe(s->log) == 0);
	log_setup(LINE_LOGFMT, LOG_INFO);
	log_setup_fd(s->log[1]);
	admit_init(&s->admit, s->max_flows ? s->max_flows : 1000);
	for (size_t i = 0; i < s->nworkers; i++)
		start_worker(s, i);
}

void stand_stop(struct stand *s, enum order_kind kind)
{
	stand_tell(s, kind);
	for (size_t i = 0; i < s->nworkers; i++) {
		struct worker *w = &s->workers[i];

		worker_join(w);
		worker_tell(w, order_new(kind));
		worker_free(w);
	}
	expect_num(s->admit.flows, 0, "places taken");
	log_setup_fd(STDERR_FILENO);
	close(s->log[0]);
	close(s->log[1]);
	for (size_t i = 0; i < s->pool.count; i++)
		expect_num(s->pool.at[i].server->live, 0, "flows counted");
	pool_close(&s->pool);
	plan_free(&s->plan);
	config_free(s->config);
	registry_close(&s->registry);
	expect_num(fds_count(), s->fds_before, "descriptors");
}

static bool read_line(int fd, char *line, size_t size)
{
	size_t used = 0;

	while (used + 1 < size && fd_wait(fd) && read(fd, line + used, 1) == 1)
		if (line[used++] == '\n')
			break;
	line[used] = '\0';
	return used > 0;
}

const char *stand_flow_line(struct stand *s)
{
	static char line[LINE_MAX_BYTES];

	while (read_line(s->log[0], line, sizeof(line)))
		if (strncmp(line, "flow=", 5) == 0)
			return line;
	return "";
}

const char *field_of(const char *line, const char *key)
{
	static char value[200];
	char start[40];
	const char *at;

	snprintf(start, sizeof(start), "%s=", key);
	at = strncmp(line, start, strlen(start)) == 0 ? line : NULL;
	snprintf(start, sizeof(start), " %s=", key);
	at = at ? at : strstr(line, start);
	if (!at)
		return "";
	at = strchr(at, '=') + 1;
	snprintf(value, sizeof(value), "%.*s", (int)strcspn(at, " \n"), at);
	return value;
}
