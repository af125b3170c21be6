#include "control/metrics.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bits.h"
#include "base/log.h"
#include "control/answer_servers.h"
#include "control/field.h"

/* The words before the first sample of a family. */
static void head(FILE *to, const char *name, const char *type, const char *help)
{
	fprintf(to, "# HELP tailsplice_%s %s\n# TYPE tailsplice_%s %s\n", name, help, name, type);
}

static void put_label(FILE *to, const char *name, const char *value)
{
	fprintf(to, "%s=\"", name);
	for (; *value; value++) {
		if (*value == '\n') {
			fputs("\\n", to);
			continue;
		}
		if (*value == '"' || *value == '\\')
			putc('\\', to);
		putc(*value, to);
	}
	putc('"', to);
}

static void one(FILE *to, const char *name, const char *type, const char *help, uint64_t value)
{
	head(to, name, type, help);
	fprintf(to, "tailsplice_%s %" PRIu64 "\n", name, value);
}

/* A sample for each member of an object of numbers. */
static void each_member(FILE *to, const char *name, const char *label, const char *help,
			const json_t *object)
{
	const char *key;
	json_t *unused;

	head(to, name, "counter", help);
	json_object_foreach((json_t *)object, key, unused)
	{
		(void)unused;
		fprintf(to, "tailsplice_%s{", name);
		put_label(to, label, key);
		fprintf(to, "} %" PRIu64 "\n", field_u64(object, key));
	}
}

/* One number of every listener or backend. */
struct column {
	const char *name, *type, *help;
	const char *key, *direction;
};

static const struct column listener_columns[] = {
	{ "listener_flows", "gauge", "Flows now, by listening address.", "live", NULL },
	{ "listener_accepted_total", "counter", "Flows that began.", "accepted", NULL },
	{ "listener_refused_total", "counter", "Flows turned away before a server was reached.",
	  "refused", NULL },
	{ "listener_bytes_total", "counter", "Bytes delivered; up: to the servers.", "up", "up" },
	{ "listener_bytes_total", NULL, NULL, "down", "down" },
};

static const struct column backend_columns[] = {
	{ "backend_flows", "gauge", "Flows now, by backend.", "live", NULL },
	{ "backend_connects_total", "counter", "Flows that were connected.", "connects", NULL },
	{ "backend_failures_total", "counter", "Flows that got no connection.", "failed", NULL },
	{ "backend_bytes_total", "counter", "Bytes delivered; up: to the servers.", "up", "up" },
	{ "backend_bytes_total", NULL, NULL, "down", "down" },
};

static void put_row(FILE *to, const struct column *c, const char *kind, const json_t *row)
{
	fprintf(to, "tailsplice_%s{", c->name);
	put_label(to, kind, field_text(row, "name"));
	if (json_object_get(row, "address")) {
		putc(',', to);
		put_label(to, "address", field_text(row, "address"));
	}
	if (c->direction) {
		putc(',', to);
		put_label(to, "direction", c->direction);
	}
	fprintf(to, "} %" PRIu64 "\n", field_u64(row, c->key));
}

static void put_columns(FILE *to, const struct column *columns, size_t count, const char *kind,
			const json_t *list)
{
	const json_t *row;
	size_t n;

	for (size_t i = 0; i < count; i++) {
		if (columns[i].help)
			head(to, columns[i].name, columns[i].type, columns[i].help);
		json_array_foreach(list, n, row) put_row(to, &columns[i], kind, row);
	}
}

#define CONNECTS "backend_connect_duration_seconds"

static void put_histogram(FILE *to, const char *backend, const json_t *connects)
{
	const json_t *classes = field_object(connects, "classes");
	const char *bound;
	uint64_t sum = 0;
	json_t *unused;

	json_object_foreach((json_t *)classes, bound, unused)
	{
		(void)unused;
		sum += field_u64(classes, bound);
		fprintf(to, "tailsplice_" CONNECTS "_bucket{");
		put_label(to, "backend", backend);
		if (strcmp(bound, "inf") == 0)
			fprintf(to, ",le=\"+Inf\"} %" PRIu64 "\n", sum);
		else
			fprintf(to, ",le=\"%g\"} %" PRIu64 "\n", strtod(bound, NULL) / 1000, sum);
	}
	fprintf(to, "tailsplice_" CONNECTS "_sum{");
	put_label(to, "backend", backend);
	fprintf(to, "} %g\n", (double)field_u64(connects, "sum") / 1000);
	fprintf(to, "tailsplice_" CONNECTS "_count{");
	put_label(to, "backend", backend);
	fprintf(to, "} %" PRIu64 "\n", sum);
}

static void put_connects(FILE *to, const json_t *backends)
{
	const json_t *row;
	size_t n;

	head(to, CONNECTS, "histogram", "From accept until a server was connected.");
	json_array_foreach(backends, n, row)
		put_histogram(to, field_text(row, "name"), field_object(row, "connect_ms"));
}

static void put_process(FILE *to, const json_t *status)
{
	const json_t *config = field_object(status, "config");

	head(to, "info", "gauge", "Version and configuration; always 1.");
	fputs("tailsplice_info{", to);
	put_label(to, "version", field_text(status, "version"));
	putc(',', to);
	put_label(to, "config", field_text(config, "hash"));
	fputs("} 1\n", to);
	one(to, "draining", "gauge", "1 while no new flows are accepted and the end is near.",
	    strcmp(field_text(status, "state"), "draining") == 0);
	one(to, "uptime_seconds", "gauge", "Since the start.", field_u64(status, "uptime_s"));
	one(to, "reloads_total", "counter", "Configurations put into force after the first.",
	    field_u64(config, "reloads"));
	one(to, "reload_failures_total", "counter", "Reloads that were refused.",
	    field_u64(config, "failed_reloads"));
	one(to, "bans", "gauge", "Networks that are banned.", field_u64(status, "bans"));
	one(to, "log_dropped_lines_total", "counter", "Lines lost because nobody read the log.",
	    field_u64(field_object(status, "log"), "dropped"));
}

static void put_flows(FILE *to, const json_t *status)
{
	const json_t *flows = field_object(status, "flows"), *bytes = field_object(status, "bytes");

	one(to, "flows", "gauge", "Flows now.", field_u64(flows, "live"));
	one(to, "flows_max", "gauge", "Flows there may be (max-flows).", field_u64(flows, "max"));
	one(to, "flows_accepted_total", "counter", "Flows that began.",
	    field_u64(flows, "accepted"));
	each_member(to, "flows_ended_total", "why", "Flows that ended, by reason.",
		    field_object(status, "ends"));
	each_member(to, "flows_refused_total", "why",
		    "Of them, those turned away before a server was reached.",
		    field_object(status, "refusals"));
	each_member(to, "flows_moved_total", "path", "Flows that ended, by what moved their bytes.",
		    field_object(status, "paths"));
	each_member(to, "bytes_total", "direction", "Bytes delivered; up: to the servers.", bytes);
}

static void put_server_labels(FILE *to, const char *name, const json_t *backend,
			      const json_t *server)
{
	fprintf(to, "tailsplice_%s{", name);
	put_label(to, "backend", field_text(backend, "name"));
	putc(',', to);
	put_label(to, "server", field_text(server, "name"));
}

static void put_server_flows(FILE *to, const json_t *backend, const json_t *server)
{
	put_server_labels(to, "server_flows", backend, server);
	fprintf(to, "} %" PRIu64 "\n", field_u64(server, "live"));
}

static void put_server_state(FILE *to, const json_t *backend, const json_t *server)
{
	for (size_t i = 0; i < SERVER_STATES; i++) {
		put_server_labels(to, "server_state", backend, server);
		putc(',', to);
		put_label(to, "state", server_states[i]);
		fprintf(to, "} %d\n", strcmp(field_text(server, "state"), server_states[i]) == 0);
	}
}

static void put_server_addresses(FILE *to, const json_t *backend, const json_t *server)
{
	const json_t *row;
	size_t i;

	json_array_foreach(field_array(server, "addresses"), i, row)
	{
		put_server_labels(to, "server_address_up", backend, server);
		putc(',', to);
		put_label(to, "address", field_text(row, "address"));
		fprintf(to, "} %d\n", json_is_true(json_object_get(row, "up")));
	}
}

static void put_server_age(FILE *to, const json_t *backend, const json_t *server)
{
	if (!json_is_integer(json_object_get(server, "age_s")))
		return;
	put_server_labels(to, "server_name_age_seconds", backend, server);
	fprintf(to, "} %" PRIu64 "\n", field_u64(server, "age_s"));
}

static void put_servers(FILE *to, const json_t *backends)
{
	static const struct {
		const char *name, *help;
		void (*put)(FILE *to, const json_t *backend, const json_t *server);
	} families[] = {
		{ "server_flows", "Flows now, by server, those under way included.",
		  put_server_flows },
		{ "server_state", "1: the server is in that state.", put_server_state },
		{ "server_address_up", "1: new flows may be led there.", put_server_addresses },
		{ "server_name_age_seconds", "Since its addresses were last confirmed.",
		  put_server_age },
	};
	const json_t *backend, *server;
	size_t n, k;

	for (size_t i = 0; i < ARRAY_LEN(families); i++) {
		head(to, families[i].name, "gauge", families[i].help);
		json_array_foreach(backends, n, backend)
			json_array_foreach(field_array(backend, "servers"), k, server) families[i]
				.put(to, backend, server);
	}
}

char *metrics_text(const json_t *status, size_t *length)
{
	const json_t *backends = field_array(status, "backends");
	char *text;
	FILE *to = open_memstream(&text, length);

	if (!to)
		panic("out of memory");
	put_process(to, status);
	put_flows(to, status);
	put_columns(to, listener_columns, ARRAY_LEN(listener_columns), "listener",
		    field_array(status, "listeners"));
	put_columns(to, backend_columns, ARRAY_LEN(backend_columns), "backend", backends);
	put_connects(to, backends);
	put_servers(to, backends);
	if (fclose(to) != 0)
		panic("out of memory");
	return text;
}
