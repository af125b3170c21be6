/* medium - where text for people goes. */
#ifndef TAILSPLICE_CONTROL_MEDIUM_H
#define TAILSPLICE_CONTROL_MEDIUM_H

#include <stdbool.h>
#include <stddef.h>

struct medium {
	size_t width; /* columns of the terminal; 0: it is none */
	bool bold;    /* headings may be */
};

/* The columns of a status that goes to no terminal. */
#define PRESENT_WIDTH 80

#endif
