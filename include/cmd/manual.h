/* manual - what the build and the shell want to know: the page tailsplice.ini(5) and the words of each
 * command, both from the tables that the program itself goes by. */
#ifndef TAILSPLICE_CMD_MANUAL_H
#define TAILSPLICE_CMD_MANUAL_H

#include "cmd/command.h"

/* The page, in man(7), on standard output. */
void manual_print(void);

/* One line on standard output, for completion: the command's name and its options. `--sort=age|rate` takes one of those,
 * `-c=FILE` a value of that kind, `--json` none. */
void manual_print_words(const struct command *c);

#endif
