/* rules - the values of allow and deny: networks, or files of them. Parsers are pure and take any bytes. */
#ifndef TAILSPLICE_CONFIG_RULES_H
#define TAILSPLICE_CONFIG_RULES_H

#include "config/model.h"

/* "192.0.2.0/24 2001:db8::/32 file:PATH"; appended to *out. With `may_say_how`, a word of dismissal may stand first.
 * NULL, or what was expected (value.h). */
const char *rules_parse(const char *text, bool may_say_how, struct rules *out);

/* Where those that have no line yet were given. */
void rules_note_line(struct rules *r, int line);

void rules_finish(struct rules *r);

/* The words of enum dismissal, NULL-terminated. */
extern const char *const dismissal_words[];

/* The networks of a file, one a line; what stands behind '#' or ';' is a comment. */
struct netlist {
	const char *at, *end;
	int line; /* of the last answer */
};

void netlist_start(struct netlist *l, const char *bytes, size_t len);

/* 1: *out; 0: there are no more; -1, with what is wrong, and it may be called again. */
#define NETLIST_TEXT 200
int netlist_next(struct netlist *l, struct net *out, char wrong[static NETLIST_TEXT]);

#endif
