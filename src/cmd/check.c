#include <stdio.h>
#include <string.h>

#include "cmd/command.h"
#include "config/config.h"
#include "config/keys.h"
#include "config/lint_story.h"
#include "edge/plan.h"

static const enum section_kind kinds[] = { SECTION_GLOBAL, SECTION_LISTEN, SECTION_BACKEND };

static int print_keys(void)
{
	size_t count;

	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		const struct key *keys = keys_of(kinds[i], &count);

		for (size_t k = 0; k < count; k++)
			printf("%s %s\n", section_word(kinds[i]), keys[k].name);
	}
	return EXIT_DONE;
}

static void print_reference_key(const struct key *k)
{
	const char *value = k->shown ? k->shown : k->fallback;
	bool better = k->shown && k->fallback;

	printf("\n; %s\n", k->help);
	if (k->words) {
		printf("; one of");
		for (size_t i = 0; k->words[i]; i++)
			printf(" %s", k->words[i]);
		printf("\n");
	}
	if (better)
		printf("; %s unless given\n", k->fallback);
	printf("%s%s = %s\n", k->required || better ? "" : ";", k->name, value);
}

static int print_reference(void)
{
	static const char *const headings[] = { "[global]", "[listen mail]", "[backend stalwart]" };
	size_t count;

	printf("; Every key with its default. Made by `tailsplice check --reference`.\n"
	       "; Keys of [listen NAME] and [backend NAME] may also stand in [defaults], for all of them.\n");
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		const struct key *keys = keys_of(kinds[i], &count);

		printf("\n%s\n", headings[i]);
		for (size_t k = 0; k < count; k++)
			print_reference_key(&keys[k]);
	}
	return EXIT_DONE;
}

/* One line each. */
static int list_lints(void)
{
	for (enum lint_code i = 0; i < LINT_COUNT; i++)
		printf("%-18s %s\n", lint_story(i)->code, lint_story(i)->summary);
	return EXIT_DONE;
}

static int explain(const char *code)
{
	enum lint_code found = lint_story_find(code), near;

	if (found == LINT_COUNT) {
		near = lint_story_nearest(code);
		fprintf(stderr,
			"check: there is no lint '%.40s'%s%s%s; `tailsplice check --explain` lists all\n",
			code, near == LINT_COUNT ? "" : ": did you mean '",
			near == LINT_COUNT ? "" : lint_story(near)->code,
			near == LINT_COUNT ? "" : "'?");
		return EXIT_MISTAKE;
	}
	printf("%s: %s\n\n%s", code, lint_story(found)->summary, lint_story(found)->story);
	return EXIT_DONE;
}

static int check_file(const char *file)
{
	struct plan plan;
	struct config *c = command_load(file, &plan);

	if (!c)
		return EXIT_MISTAKE;
	plan_print(&plan, stdout);
	plan_free(&plan);
	config_free(c);
	return EXIT_DONE;
}

int check_main(int argc, char **argv)
{
	const char *file;

	if (argc == 2 && strcmp(argv[1], "--keys") == 0)
		return print_keys();
	if (argc == 2 && strcmp(argv[1], "--reference") == 0)
		return print_reference();
	if (argc == 2 && strcmp(argv[1], "--explain") == 0)
		return list_lints();
	if (argc == 3 && strcmp(argv[1], "--explain") == 0)
		return explain(argv[2]);
	file = command_file(argc, argv);
	return file ? check_file(file) : EXIT_MISTAKE;
}
