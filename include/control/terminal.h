/* terminal - the operator's terminal, and the screen of its own that a live picture gets. One thread. */
#ifndef TAILSPLICE_CONTROL_TERMINAL_H
#define TAILSPLICE_CONTROL_TERMINAL_H

#include <stdbool.h>
#include <stddef.h>

struct terminal {
	size_t rows, columns;
	bool keys; /* standard input is a terminal: keys come at once */
};

/* True when standard output is a terminal that can do more than print lines. */
bool terminal_there(void);

/* True when headings may be bold: NO_COLOR (no-color.org) is not set. */
bool terminal_may_be_bold(void);

/* True when the locale's characters are UTF-8. */
bool terminal_is_utf8(void);

/* Columns of standard output; 0: it is no terminal. */
size_t terminal_width(void);

/* The other screen, empty, without cursor; keys are not echoed. */
void terminal_enter(struct terminal *t);

/* Asks for rows and columns again. */
void terminal_measure(struct terminal *t);

/* Shows that text, of at most `rows` lines, in place of what was there. */
void terminal_show(const char *text);

/* Back to what was before terminal_enter(). May be called twice. */
void terminal_leave(struct terminal *t);

#endif
