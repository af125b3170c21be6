/* tailnet_words - who a server's name is in the tailnet, for people: in the log, and how a node is reached. Any thread. */
#ifndef TAILSPLICE_BACKEND_TAILNET_WORDS_H
#define TAILSPLICE_BACKEND_TAILNET_WORDS_H

#include <stddef.h>

#include "backend/tailnet_choice.h"

/* One name that is held, and who it is. */
struct tailnet_wanted {
	char host[TAILNET_NAME];
	enum tailnet_verdict verdict;
	struct tailnet_node use, other; /* naddresses 0: none */
};

/* One line of the log. `suffix`: the tailnet's domain. */
void tailnet_log(const struct tailnet_wanted *w, const char *suffix);

/* "direct to ADDRESS:PORT", "relayed through DERP CODE", "idle". Returns `out`. */
char *tailnet_way(const struct tailnet_node *n, char *out, size_t size);

#endif
