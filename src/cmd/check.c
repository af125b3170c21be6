#include <stdio.h>
#include <string.h>

#include "cmd/command.h"
#include "config/config.h"
#include "config/keys.h"
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
	const char *value = k->fallback ? k->fallback : k->shown;

	printf("\n; %s\n", k->help);
	if (k->words) {
		printf("; one of");
		for (size_t i = 0; k->words[i]; i++)
			printf(" %s", k->words[i]);
		printf("\n");
	}
	printf("%s%s = %s\n", k->required ? "" : ";", k->name, value);
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
	file = command_file(argc, argv);
	return file ? check_file(file) : EXIT_MISTAKE;
}
