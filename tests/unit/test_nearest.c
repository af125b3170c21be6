/* Which known word a mistyped one was meant to be. */
#include "base/nearest.h"

#include "base/bits.h"
#include "check.h"

static const char *const known[] = { "ports", "bind", "backend", "keepalive", "idle", "v1", "v2" };

static const char *suggested(const char *word, char out[static NEAREST_TEXT])
{
	struct nearest n;

	nearest_start(&n, word);
	for (size_t i = 0; i < ARRAY_LEN(known); i++)
		nearest_try(&n, known[i]);
	return nearest_text(&n, out);
}

Test(nearest, words)
{
	static const struct {
		const char *word, *wanted;
	} rows[] = {
		{ "ports", ", did you mean 'ports'?" },
		{ "port", ", did you mean 'ports'?" },
		{ "prots", ", did you mean 'ports'?" },
		{ "Ports", ", did you mean 'ports'?" },
		{ "keep-alive", ", did you mean 'keepalive'?" },
		{ "backedn", ", did you mean 'backend'?" },
		{ "bnd", ", did you mean 'bind'?" },
		{ "v3", "" },
		{ "x", "" },
		{ "", "" },
		{ "colour", "" },
		{ "keepaliveeeeee", "" },
		{ "a word that is far longer than any that is known to anybody", "" },
	};
	char text[NEAREST_TEXT];

	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		expect_str(suggested(rows[i].word, text), rows[i].wanted, rows[i].word);
}

Test(nearest, one_word_twice_is_no_tie)
{
	char text[NEAREST_TEXT];
	struct nearest n;

	nearest_start(&n, "idel");
	nearest_try(&n, "idle");
	nearest_try(&n, "idle");
	expect_str(nearest_text(&n, text), ", did you mean 'idle'?", "twice");
}
