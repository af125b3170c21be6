#include "cmd/ask.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmd/command.h"
#include "base/memory.h"
#include "control/client.h"
#include "control/present.h"
#include "control/terminal.h"
#include "control/text.h"
#include "control/watch.h"

/* A reload resolves names. Milliseconds. */
#define RELOAD_LIMIT 60000

/* What the arguments say. */
struct wish {
	const struct verb *verb;
	const char *socket, *file;
	bool json, watch;
	char options[REQUEST_MAX]; /* " name=value" each */
	char **words;		   /* the arguments, lent */
	size_t count;
};

static bool complain(const struct wish *w, const char *what, const char *word)
{
	char clean[100];

	snprintf(clean, sizeof(clean), "%s", word);
	fprintf(stderr, "%s: %s '%s': see tailsplice %s --help\n", w->verb->name, what,
		text_clean(clean), w->verb->name);
	return false;
}

/* One word of a request: nothing in it may separate words or end the line. */
static bool is_word(const char *text)
{
	if (!*text)
		return false;
	for (; *text; text++)
		if (*text <= ' ' || *text > '~')
			return false;
	return true;
}

/* "--sort" or "--sort=age" for the option "sort": what stands behind the name. NULL: another. */
static const char *option_tail(const char *word, const char *name)
{
	size_t len = strlen(name);

	if (strncmp(word, "--", 2) != 0 || strncmp(word + 2, name, len) != 0)
		return NULL;
	word += 2 + len;
	return *word == '=' || !*word ? word : NULL;
}

/* True when it is an option of the verb; *i moves on if its value is the next argument. */
static bool take_option(struct wish *w, int argc, char **argv, int *i, bool *ok)
{
	size_t used = strlen(w->options);
	const char *tail, *value;

	for (size_t n = 0; n < VERB_OPTIONS && w->verb->options[n].name; n++) {
		tail = option_tail(argv[*i], w->verb->options[n].name);
		if (!tail)
			continue;
		value = *tail ? tail + 1 : *i + 1 < argc ? argv[++*i] : "";
		if (!is_word(value))
			*ok = complain(
				w, "a value is missing or not one word:", w->verb->options[n].name);
		else
			snprintf(w->options + used, sizeof(w->options) - used, " %s=%s",
				 w->verb->options[n].name, value);
		return true;
	}
	return false;
}

static bool take_argument(struct wish *w, char *word)
{
	if (word[0] == '-')
		return complain(w, "unexpected", word);
	if (!is_word(word))
		return complain(w, "not one word:", word);
	w->words[w->count++] = word;
	return true;
}

/* False: said why. */
static bool read_arguments(struct wish *w, int argc, char **argv)
{
	bool ok = true;

	for (int i = 1; ok && i < argc; i++) {
		if (strcmp(argv[i], "--json") == 0)
			w->json = true;
		else if (w->verb->id == VERB_STATUS && strcmp(argv[i], "--watch") == 0)
			w->watch = true;
		else if (strcmp(argv[i], "-c") == 0 && i + 1 < argc)
			w->file = argv[++i];
		else if (strcmp(argv[i], "-s") == 0 && i + 1 < argc)
			w->socket = argv[++i];
		else if (!take_option(w, argc, argv, &i, &ok))
			ok = take_argument(w, argv[i]);
	}
	return ok;
}

/* The request with the arguments from `first` on. False, said why, when it is none: what the server would
 * refuse is refused here, in the same words. */
static bool make_line(const struct wish *w, size_t first, size_t count,
		      char line[static REQUEST_MAX], struct request *request)
{
	size_t used = (size_t)snprintf(line, REQUEST_MAX, "%s%s", w->verb->name, w->options);
	char why[CLIENT_WHY];

	for (size_t i = first; i < first + count && used < REQUEST_MAX; i++)
		used += (size_t)snprintf(line + used, REQUEST_MAX - used, " %s", w->words[i]);
	if (request_parse(line, used, request, why, sizeof(why)) == 0)
		return true;
	fprintf(stderr, "%s\n", why);
	return false;
}

static int show(const struct wish *w, const struct answer *answer)
{
	const struct medium medium = { .width = terminal_width(), .bold = terminal_may_be_bold() };
	bool ok = json_is_true(json_object_get(answer->object, "ok"));

	if (w->json) {
		fwrite(answer->text, 1, answer->length, stdout);
	} else {
		if (ok)
			present(w->verb->id, answer->object, &medium, stdout);
		present_complaints(w->verb, answer->object, stderr);
	}
	return ok ? EXIT_DONE : EXIT_MISTAKE;
}

static int ask(const struct wish *w, const struct client *client, const char *line, bool quiet)
{
	char why[CLIENT_WHY];
	struct answer answer;
	int status = EXIT_DONE;

	if (client_ask(client, line, &answer, why) < 0) {
		fprintf(stderr, "%s: %s\n", w->verb->name, why);
		return EXIT_ENVIRONMENT;
	}
	if (!quiet || !json_is_true(json_object_get(answer.object, "ok")))
		status = show(w, &answer);
	answer_finish(&answer);
	return status;
}

/* Rates are those since the look before: make one, unless that one is refused already. */
static int look_before(const struct wish *w, const struct client *client, const char *line)
{
	int status = ask(w, client, line, true);

	if (status == EXIT_DONE)
		sleep(1);
	return status;
}

/* One request, or for kill one for each flow: the worst status of them. */
static int ask_each(const struct wish *w, const struct client *client)
{
	bool repeats = w->verb->repeats && w->count > 1;
	size_t step = repeats ? 1 : max_of(w->count, (size_t)1);
	int worst = EXIT_DONE, status;
	char line[REQUEST_MAX];
	struct request request;

	for (size_t i = 0; i < max_of(w->count, (size_t)1); i += step) {
		if (!make_line(w, i, repeats ? 1 : w->count, line, &request))
			return EXIT_MISTAKE;
		if (request.verb->id == VERB_CONNS && request.sort == LISTING_RATE) {
			status = look_before(w, client, line);
			if (status != EXIT_DONE)
				return status;
		}
		status = ask(w, client, line, false);
		worst = max_of(worst, status);
		if (status == EXIT_ENVIRONMENT)
			break;
	}
	return worst;
}

static int act(const struct wish *w)
{
	char why[CLIENT_WHY], line[REQUEST_MAX];
	struct request request;
	struct client client;
	int err;

	/* Before anything is looked for: arguments that are wrong are wrong everywhere. */
	for (size_t i = 0; w->verb->repeats && i < w->count; i++)
		if (!make_line(w, i, 1, line, &request))
			return EXIT_MISTAKE;
	if ((!w->verb->repeats || w->count == 0) && !make_line(w, 0, w->count, line, &request))
		return EXIT_MISTAKE;
	err = client_find(&client, w->socket, w->file, why);
	client.limit = w->verb->id == VERB_RELOAD ? RELOAD_LIMIT : client.limit;
	if (err == 0 && !w->watch)
		return ask_each(w, &client);
	if (err == 0)
		err = watch(&client, w->json, why);
	if (err == 0)
		return EXIT_DONE;
	fprintf(stderr, "%s: %s\n", w->verb->name, why);
	return EXIT_ENVIRONMENT;
}

int ask_main(int argc, char **argv)
{
	struct wish w = { .verb = verb_find(argv[0]) };
	int status = EXIT_MISTAKE;

	w.words = memory_zeroed((size_t)argc, sizeof(*w.words));
	if (read_arguments(&w, argc, argv))
		status = act(&w);
	free(w.words);
	return status;
}
