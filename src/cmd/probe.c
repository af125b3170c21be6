#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/nearest.h"
#include "cmd/command.h"
#include "cmd/survey.h"
#include "control/text.h"

static const char *const gravity_words[] = { "ok", "warn", "fail", "fail" };

/* What a writer to a stream writes, as text of the caller's. */
static char *written(void (*write)(const struct advice *, FILE *), const struct advice *a)
{
	char *text = NULL;
	size_t len;
	FILE *to = open_memstream(&text, &len);

	if (!to)
		panic("no memory");
	write(a, to);
	fclose(to);
	return text;
}

static void write_remedy(const struct advice *a, FILE *to)
{
	advice_remedy(a, 8, to);
}

static void write_plain_remedy(const struct advice *a, FILE *to)
{
	advice_remedy(a, 0, to);
}

/* "stalwart.example.ts.net 100.64.0.2:25", or one of the two. */
static void format_server(const struct spot *spot, char *out, size_t size)
{
	char at[ADDR_TEXT];
	struct addr literal;

	if (*spot->no_address)
		snprintf(out, size, "%s:%u", spot->server->host, spot->port);
	else if (spot->interview.to.sa.sa_family == AF_UNSPEC)
		snprintf(out, size, "%s:%u through %s", spot->server->host, spot->port,
			 spot->backend->via.host);
	else if (addr_parse(&literal, spot->server->host, 0))
		snprintf(out, size, "%s", addr_format(&spot->interview.to, at));
	else
		snprintf(out, size, "%s %s", spot->server->host,
			 addr_format(&spot->interview.to, at));
}

static void print_spot(const struct spot *spot, char **said)
{
	char server[400], *line = written(advice_line, &spot->advice);
	char *remedy = written(write_remedy, &spot->advice);

	format_server(spot, server, sizeof(server));
	printf("%-4s  %s %s  %s\n", gravity_words[spot->gravity], spot->backend->section.name,
	       server, text_clean(line));
	/* What helps one port often helps the next. */
	if (!*said || strcmp(*said, remedy) != 0)
		fputs(remedy, stdout);
	free(line);
	free(*said);
	*said = remedy;
}

static void print_sum(const struct survey *s)
{
	size_t bad = 0;

	for (size_t i = 0; i < s->count; i++)
		bad += s->at[i].gravity > GRAVITY_WARN;
	if (bad)
		printf("mail would not flow: %zu of %zu do not serve it\n", bad, s->count);
	else
		printf("mail would flow\n");
}

static void print(const struct survey *s)
{
	char *said = NULL;

	for (size_t i = 0; i < s->count; i++)
		print_spot(&s->at[i], &said);
	free(said);
	print_sum(s);
}

/* Strings that came from a server: what is not UTF-8 would be refused. They are printable ASCII by then. */
static void set_text(json_t *o, const char *key, const char *text)
{
	json_object_set_new(o, key, json_string(text));
}

static void set_own_text(json_t *o, const char *key, char *text)
{
	set_text(o, key, text);
	free(text);
}

static void set_addr(json_t *o, const char *key, const struct addr *a, bool port)
{
	char text[ADDR_TEXT];

	if (a->sa.sa_family != AF_UNSPEC)
		set_text(o, key, port ? addr_format(a, text) : addr_format_host(a, text));
}

static json_t *asked(const struct evidence *e)
{
	static const char *const manners[] = { "plain", "v1", "v2-local", "v2-client", "again" };
	char words[OUTCOME_WORDS];
	json_t *list = json_array();

	for (enum manner m = 0; m < MANNERS; m++) {
		const struct outcome *o = &e->outcome[m];
		json_t *one;

		if (!e->asked[m])
			continue;
		one = json_object();
		set_text(one, "header", manners[m]);
		set_text(one, "outcome", outcome_words(o, words));
		set_text(one, "text", o->text);
		json_object_set_new(one, "connect_ms", json_integer((json_int_t)o->connect_ms));
		json_object_set_new(one, "greeting_ms", json_integer((json_int_t)o->greeting_ms));
		json_array_append_new(list, one);
	}
	return list;
}

static json_t *spot_object(const struct spot *spot)
{
	const struct advice *a = &spot->advice;
	json_t *o = json_object();

	set_text(o, "backend", spot->backend->section.name);
	set_text(o, "server", spot->server->host);
	json_object_set_new(o, "port", json_integer(spot->port));
	set_addr(o, "address", &spot->interview.to, true);
	set_text(o, "protocol", speech_name(a->evidence->expect));
	set_text(o, "result", gravity_words[spot->gravity]);
	set_text(o, "finding", finding_name(a->finding));
	set_text(o, "side", advice_side(a));
	if (a->software)
		set_text(o, "software", software_name(a->software));
	set_own_text(o, "text", text_clean(written(advice_line, a)));
	set_own_text(o, "remedy", written(write_plain_remedy, a));
	set_addr(o, "edge_ipv4", &a->edge[0], false);
	set_addr(o, "edge_ipv6", &a->edge[1], false);
	json_object_set_new(o, "asked", asked(a->evidence));
	return o;
}

static void print_json(const struct survey *s, int status)
{
	json_t *top = json_object(), *list = json_array();

	for (size_t i = 0; i < s->count; i++)
		json_array_append_new(list, spot_object(&s->at[i]));
	json_object_set_new(top, "flows", json_boolean(status == EXIT_DONE));
	json_object_set_new(top, "exit", json_integer(status));
	json_object_set_new(top, "probed", list);
	json_dumpf(top, stdout, JSON_INDENT(2));
	putchar('\n');
	json_decref(top);
}

struct options {
	const char *file;
	bool json;
	char **names;
	size_t count;
};

static bool read_options(int argc, char **argv, struct options *o)
{
	*o = (struct options){ .file = CONFIG_DEFAULT_FILE, .names = argv };
	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "-c") == 0 && i + 1 < argc) {
			o->file = argv[++i];
		} else if (strcmp(argv[i], "--json") == 0) {
			o->json = true;
		} else if (argv[i][0] == '-') {
			fprintf(stderr, "probe: unexpected '%s': see tailsplice probe --help\n",
				argv[i]);
			return false;
		} else {
			o->names[o->count++] = argv[i];
		}
	}
	return true;
}

/* Each of them is a backend. */
static bool are_known(const struct options *o, const struct config *c)
{
	char hint[NEAREST_TEXT];
	struct nearest near;
	bool known, all = true;

	for (size_t i = 0; i < o->count; i++) {
		known = false;
		nearest_start(&near, o->names[i]);
		for (size_t k = 0; k < c->nbackends; k++) {
			nearest_try(&near, c->backends[k].section.name);
			known |= strcmp(c->backends[k].section.name, o->names[i]) == 0;
		}
		if (!known)
			fprintf(stderr, "probe: there is no [backend %s]%s\n", o->names[i],
				nearest_text(&near, hint));
		all &= known;
	}
	return all;
}

static int probe(const struct options *o, const struct config *c, const struct plan *plan)
{
	static const int statuses[] = { EXIT_DONE, EXIT_DONE, EXIT_MISTAKE, EXIT_ENVIRONMENT };
	struct survey survey;
	int status, err;

	if (!are_known(o, c))
		return EXIT_MISTAKE;
	/* What is wrong with a name stands among the findings. */
	log_set_level(LOG_ERROR);
	err = survey_init(&survey, c, plan, o->names, o->count);
	if (err < 0) {
		fprintf(stderr, "probe: %s\n", strerror(-err));
		return EXIT_ENVIRONMENT;
	}
	survey_run(&survey);
	status = statuses[survey_gravity(&survey)];
	if (o->json)
		print_json(&survey, status);
	else
		print(&survey);
	survey_finish(&survey);
	return status;
}

int probe_main(int argc, char **argv)
{
	struct options o;
	struct config *c;
	struct plan plan;
	int status;

	if (!read_options(argc, argv, &o))
		return EXIT_MISTAKE;
	c = command_load(o.file, &plan);
	if (!c)
		return EXIT_MISTAKE;
	status = probe(&o, c, &plan);
	plan_free(&plan);
	config_free(c);
	return status;
}
