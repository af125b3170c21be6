#include "cmd/manual.h"

#include <ctype.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "config/keys.h"

/* Of the words below; the rest of the page comes from the table. */
#define WRITTEN "2026-11-24"

/* mandoc(1) complains about longer ones. */
#define LINE 78

static int column;

/* One word as it stands in man(7): no request, no escape, and hyphens that can be copied and searched for. */
static void print_word(const char *word, size_t len)
{
	if (column && column + (int)len > LINE) {
		putchar('\n');
		column = 0;
	}
	column += (int)len + 1;
	if (column > (int)len + 1)
		putchar(' ');
	if (*word == '.' || *word == '\'')
		fputs("\\&", stdout);
	for (size_t i = 0; i < len; i++) {
		if (word[i] == '\\')
			fputs("\\e", stdout);
		else if (word[i] == '-')
			fputs("\\-", stdout);
		else
			putchar(word[i]);
	}
}

/* Words that follow those before, in lines that are not too long. */
static void print_text(const char *text)
{
	while (*text) {
		size_t len = strcspn(text, " ");

		if (len)
			print_word(text, len);
		text += len + strspn(text + len, " ");
	}
}

/* The next word begins a line. */
static void end_line(void)
{
	if (column)
		putchar('\n');
	column = 0;
}

static void print_sentence(const char *before, const char *text)
{
	char sentence[512];

	snprintf(sentence, sizeof(sentence), "%s%s.", before, text);
	print_text(sentence);
	end_line();
}

/* The words in which a wrong value would be refused; NULL when they say nothing. */
static const char *expected(const struct key *k)
{
	_Alignas(max_align_t) char field[256] = { 0 };
	const char *words = k->set(k, field, "");

	return words && strcmp(words, "a value") != 0 ? words : NULL;
}

static void print_key(const struct key *k)
{
	const char *words = expected(k), *holds = k->fallback ? k->fallback : k->shown;

	printf(".TP\n.B ");
	print_text(k->name);
	end_line();
	print_text(k->help);
	end_line();
	if (words)
		print_sentence("Expected: ", words);
	if (k->required)
		print_sentence("Must be given", "");
	else if (k->example)
		print_sentence("Not set unless given; for example: ", k->shown);
	else if (holds)
		print_sentence("Default: ", holds);
	if (k->repeats)
		print_sentence("May be given again: ", "one more value");
}

static void print_section(enum section_kind kind, const char *heading)
{
	size_t count;
	const struct key *keys = keys_of(kind, &count);

	printf(".SS %s\n", heading);
	for (size_t i = 0; i < count; i++)
		print_key(&keys[i]);
}

void manual_print(void)
{
	printf(".TH TAILSPLICE.INI 5 " WRITTEN " \"tailsplice " TAILSPLICE_VERSION "\"\n"
	       ".SH NAME\ntailsplice.ini \\- configuration of tailsplice(8)\n"
	       ".SH SYNOPSIS\n.B " CONFIG_DEFAULT_FILE "\n"
	       ".SH DESCRIPTION\n"
	       "An INI file: headings in brackets, below each of them lines\n.IR KEY \" = \" VALUE .\n"
	       "A line that begins with a semicolon or # is a comment,\n"
	       "and so is what follows a semicolon behind a blank.\n"
	       "An indented line below\n.B ports\nor\n.B bind\nadds values to it.\n"
	       "Sizes of time have a unit: 500ms, 10s, 35m, 1h, 2d.\n"
	       ".PP\n"
	       ".B ${NAME}\nin a value stands for a variable of the environment,\n"
	       "else of a file\n.I .env\nbeside the configuration;\n"
	       ".B ${NAME:\\-TEXT}\nfor TEXT where it is empty or not set, and\n.B $$\nfor a dollar.\n"
	       "A variable that is not set is a mistake.\n"
	       ".PP\n"
	       "Anything the program does not know, and any value out of its range, is a\nmistake;\n"
	       ".B tailsplice check\nlists all of them, each with its line,\nand says what would listen and where it leads.\n"
	       ".SH SECTIONS\n");
	print_section(SECTION_GLOBAL, "[global]");
	printf(".SS [defaults]\n"
	       "Any key of [listen] and [backend], for all of those that do not say otherwise.\n");
	print_section(SECTION_LISTEN, "[listen NAME]");
	print_section(SECTION_BACKEND, "[backend NAME]");
	printf(".SH EXAMPLE\n.EX\n"
	       "[listen mail]\nports = 25 465 587 143 993\nbackend = stalwart\n\n"
	       "[backend stalwart]\nserver = 100.64.0.2\nsend\\-proxy = v2\n.EE\n"
	       ".SH SEE ALSO\n.BR tailsplice (8),\n.B tailsplice check \\-\\-reference\n");
}

/* The value that an option takes, as help shows it right behind: "FILE", "age|rate". Its length. */
static size_t value_length(const char *text)
{
	size_t len = strcspn(text, " \n[]");

	return isalpha((unsigned char)*text) ? len : 0;
}

#define OPTION "-abcdefghijklmnopqrstuvwxyz"

/* Prints the option at `text`; returns what stands behind it. */
static const char *print_option(const char *text)
{
	size_t len = strspn(text, OPTION), value;

	printf(" %.*s", (int)len, text);
	text += len;
	value = *text == ' ' ? value_length(text + 1) : 0;
	if (value)
		printf("=%.*s", (int)value, text + 1);
	return text + (value ? value + 1 : 0);
}

/* What the arguments show already is not named again for being explained in the details. */
static bool is_shown(const char *arguments, const char *option)
{
	size_t len = strspn(option, OPTION);
	const char *found = memmem(arguments, strlen(arguments), option, len);

	return found && strspn(found, OPTION) == len;
}

void manual_print_words(const struct command *c)
{
	const char *texts[] = { c->arguments, c->details ? c->details : "" };

	printf("%s", c->name);
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		/* In the arguments they stand behind a bracket or a bar, in the details at the beginning of a line. */
		const char *before = i ? "\n" : "[ |";

		for (const char *t = texts[i]; *t;) {
			bool option = *t == '-' && (t == texts[i] || strchr(before, t[-1]));

			if (option && (i == 0 || !is_shown(c->arguments, t)))
				t = print_option(t);
			else
				t++;
		}
	}
	printf(" --help\n");
}
