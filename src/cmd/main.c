/* tailsplice - the edge of a mail server: accepts on a public address, tells the backend who
 * the client is, and moves bytes as cheaply as the kernel allows.
 *
 * Where to read on: cmd/run.c → edge/edge.c (start and stop) → edge/worker.c (the loop) →
 * edge/flow.c (the life of a connection) → relay/relay.c (two sockets, two halves). */
#include <stdio.h>
#include <string.h>

#include "cmd/ask.h"
#include "cmd/command.h"
#include "cmd/manual.h"
#include "edge/why.h"
#include "base/bits.h"

#ifndef TAILSPLICE_VERSION
#define TAILSPLICE_VERSION "unknown"
#endif

static const struct command commands[] = {
	{ "run", "[-c FILE]",
	  "runs the edge in the foreground; SIGHUP reloads, SIGTERM drains and ends", NULL,
	  run_main },
	{ "check", "[-c FILE | --explain CODE | ...]",
	  "says what would listen and where it leads, or every mistake as FILE:LINE",
	  "--keys       lists every section and key that may stand in a file\n"
	  "--reference  prints a file with every key, its default and what it is for\n"
	  "--explain    tells why a lint complains (its code stands in brackets behind the complaint);\n"
	  "             without CODE it lists all of them\n",
	  check_main },
	{ "probe", "[-c FILE] [--json] [BACKEND...]",
	  "asks the servers: says what keeps mail from flowing, on which side, and what to set",
	  "Connects to each port of each server at each of its addresses, politely and at most five times, with\n"
	  "and without a PROXY header, reads the greeting and takes its leave. It ends within a minute.\n"
	  "--json  the findings as JSON\n\n"
	  "Exit status: 0 mail would flow, 1 a setting is wrong on either side, 2 a server cannot be reached\n"
	  "or serves nobody.\n",
	  probe_main },
	{ "doctor", "[-c FILE] [--json] [...]",
	  "looks at this machine: what would keep mail from flowing, and what to do",
	  "Kernel, io_uring, limits, clock, routes, tailscaled and the nodes of the file, and what DNS says of the public\n"
	  "addresses. Run it as the edge runs, or as root. It changes nothing.\n"
	  "--json           the findings as JSON\n"
	  "--outbound HOST  also tries port 25 of that mail server: most providers block it\n\n"
	  "Exit status: 0 nothing fails, 1 the file or the arguments are wrong, 2 something fails.\n",
	  doctor_main },
	{ "paths", "", "lists the data paths usable here: NAME yes|no REASON", NULL, paths_main },
	{ "whoami", "PORT...",
	  "a backend that tells each client which address and PROXY header it saw",
	  "Listens on 127.0.0.1 and ::1. The answer is text; then the connection is closed.\n",
	  whoami_main },
	{ "demo", "[PORT]", "an edge on 127.0.0.1:2525 in front of a whoami backend, with PROXY v2",
	  NULL, demo_main },
};

static void print_help(void)
{
	char usage[200];

	printf("tailsplice " TAILSPLICE_VERSION
	       ": an io_uring zero-copy splice proxy for the edge of a mail server\n\n");
	for (size_t i = 0; i < ARRAY_LEN(commands); i++)
		printf("  tailsplice %-7s %-33s %s\n", commands[i].name, commands[i].arguments,
		       commands[i].summary);
	printf("\nAsking an edge that runs, each also with --json, -c FILE or -s SOCKET:\n\n");
	for (size_t i = 0; i < ARRAY_LEN(verbs); i++)
		printf("  tailsplice %-9s %-17s %s\n", verbs[i].name,
		       verb_usage(&verbs[i], false, usage, sizeof(usage)), verbs[i].summary);
	printf("\n  tailsplice --version | --help | COMMAND --help\n"
	       "  tailsplice --help why                     the reasons a flow ends, as the log names them\n\n"
	       "FILE is /etc/tailsplice/tailsplice.ini unless given.\n"
	       "Exit status: 0 done, 1 a mistake in the configuration or the arguments,\n"
	       "2 the environment (permission, port in use, io_uring not allowed), 3 a bug of tailsplice.\n");
}

static int print_why(void)
{
	for (enum why w = WHY_CLIENT_EOF; w < WHY_COUNT; w++)
		printf("%-16s %s\n", why_name(w), why_help(w));
	return EXIT_DONE;
}

static int run_command(const struct command *c, int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--help") == 0) {
			printf("tailsplice %s %s\n%s\n", c->name, c->arguments, c->summary);
			if (c->details)
				printf("\n%s", c->details);
			return EXIT_DONE;
		}
	}
	return c->main(argc, argv);
}

/* A verb as a command; its words are in `text`. */
struct verb_text {
	char arguments[300], details[800];
};

static struct command verb_command(const struct verb *v, struct verb_text *text)
{
	verb_usage(v, true, text->arguments, sizeof(text->arguments));
	snprintf(text->details, sizeof(text->details), "%s" ASK_HELP, v->details ? v->details : "");
	return (struct command){ v->name, text->arguments, v->summary, text->details, ask_main };
}

static int run_verb(const struct verb *v, int argc, char **argv)
{
	struct verb_text text;
	const struct command c = verb_command(v, &text);

	return run_command(&c, argc, argv);
}

/* Not in the help: for the build and for completion. */
static bool print_tables(const char *word)
{
	struct verb_text text;

	if (strcmp(word, "--manual") == 0) {
		manual_print();
		return true;
	}
	if (strcmp(word, "--commands") != 0)
		return false;
	for (size_t i = 0; i < ARRAY_LEN(commands); i++)
		manual_print_words(&commands[i]);
	for (size_t i = 0; i < ARRAY_LEN(verbs); i++) {
		const struct command c = verb_command(&verbs[i], &text);

		manual_print_words(&c);
	}
	return true;
}

int main(int argc, char **argv)
{
	const char *word = argc > 1 ? argv[1] : "";

	if (strcmp(word, "--version") == 0) {
		printf("tailsplice " TAILSPLICE_VERSION "\n");
		return EXIT_DONE;
	}
	if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0 || strcmp(word, "help") == 0) {
		if (argc > 2 && strcmp(argv[2], "why") == 0)
			return print_why();
		print_help();
		return EXIT_DONE;
	}
	if (print_tables(word))
		return EXIT_DONE;
	for (size_t i = 0; i < ARRAY_LEN(commands); i++)
		if (strcmp(commands[i].name, word) == 0)
			return run_command(&commands[i], argc - 1, argv + 1);
	if (verb_find(word))
		return run_verb(verb_find(word), argc - 1, argv + 1);
	fprintf(stderr,
		*word ? "unknown command '%s': see tailsplice --help\n"
		      : "a command is missing%s: see tailsplice --help\n",
		word);
	return EXIT_MISTAKE;
}
