/* ask - the commands that ask a running edge: one for each verb of control/request.h, which also has their
 * arguments and their help. */
#ifndef TAILSPLICE_CMD_ASK_H
#define TAILSPLICE_CMD_ASK_H

#include "control/request.h"

/* For --help of each of them, below its own words. */
#define ASK_HELP                                                                                  \
	"--json   the answer as JSON, as it came\n"                                               \
	"-c FILE  the edge of that configuration: its key `control` names the socket to ask at\n" \
	"-s PATH  the socket to ask at\n\n"                                                       \
	"Exit status: 0 done, 1 the edge refused or the arguments are wrong, 2 no edge to ask.\n"

/* argv[0] is a verb's name. Returns the exit status. */
int ask_main(int argc, char **argv);

#endif
