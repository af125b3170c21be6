#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "cmd/command.h"
#include "control/checkup.h"
#include "control/text.h"

struct wishes {
	const char *file;
	const char *outbound; /* NULL: not tried */
	bool given, json;
};

static bool read_arguments(int argc, char **argv, struct wishes *w)
{
	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--json") == 0) {
			w->json = true;
		} else if (strcmp(argv[i], "-c") == 0 && i + 1 < argc) {
			w->file = argv[++i];
			w->given = true;
		} else if (strcmp(argv[i], "--outbound") == 0 && i + 1 < argc) {
			w->outbound = argv[++i];
		} else {
			fprintf(stderr, "doctor: unexpected '%s': see tailsplice doctor --help\n",
				argv[i]);
			return false;
		}
	}
	return true;
}

/* Lines of their own below a finding. */
static void print_lines(const char *label, const char *text)
{
	for (size_t len; *text; text += len + (text[len] != '\0')) {
		len = strcspn(text, "\n");
		printf("      %-6s%.*s\n", label, (int)len, text);
		label = "";
	}
}

static void print(const struct checkup *c)
{
	size_t counts[3] = { 0 };

	for (size_t i = 0; i < c->count; i++) {
		struct symptom *s = &c->at[i];

		counts[s->verdict]++;
		printf("%-4s  %-14s %s\n", checkup_word(s->verdict), s->check, text_clean(s->what));
		if (s->verdict == CHECKUP_OK)
			continue;
		print_lines("means", s->means);
		print_lines("do", s->todo);
	}
	printf("%zu ok, %zu warn, %zu fail\n", counts[CHECKUP_OK], counts[CHECKUP_WARN],
	       counts[CHECKUP_FAIL]);
}

static int print_json(const struct checkup *c)
{
	json_t *list = json_array(), *root;
	int err;

	for (size_t i = 0; i < c->count; i++) {
		struct symptom *s = &c->at[i];
		bool ok = s->verdict == CHECKUP_OK;

		json_array_append_new(list, json_pack("{s:s, s:s, s:s, s:s, s:s}", "check",
						      s->check, "verdict", checkup_word(s->verdict),
						      "what", text_clean(s->what), "means",
						      ok ? "" : s->means, "do", ok ? "" : s->todo));
	}
	root = json_pack("{s:b, s:o}", "ok", checkup_worst(c) != CHECKUP_FAIL, "checks", list);
	err = json_dumpf(root, stdout, JSON_INDENT(2));
	putchar('\n');
	json_decref(root);
	return err;
}

int doctor_main(int argc, char **argv)
{
	struct wishes w = { .file = CONFIG_DEFAULT_FILE };
	struct config *config = NULL;
	struct plan plan = { 0 };
	struct checkup checkup;
	struct facts facts;
	int status;

	if (!read_arguments(argc, argv, &w))
		return EXIT_MISTAKE;
	if (w.given || access(w.file, F_OK) == 0) {
		config = command_load(w.file, &plan);
		if (!config)
			return EXIT_MISTAKE;
	}
	facts_gather(&facts, w.file, config, config ? &plan : NULL, w.outbound);
	checkup_run(&checkup, &facts);
	if (w.json)
		print_json(&checkup);
	else
		print(&checkup);
	status = checkup_worst(&checkup) == CHECKUP_FAIL ? EXIT_ENVIRONMENT : EXIT_DONE;
	checkup_finish(&checkup);
	facts_finish(&facts);
	plan_free(&plan);
	config_free(config);
	return status;
}
