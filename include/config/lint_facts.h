/* lint_facts - what a machine allows, as far as a configuration depends on it: edge/machine.h
 * asks the machine, a test makes it up. */
#ifndef TAILSPLICE_CONFIG_LINT_FACTS_H
#define TAILSPLICE_CONFIG_LINT_FACTS_H

#include <stdbool.h>
#include <stddef.h>

struct lint_facts {
	unsigned first_free_port; /* ports below it need a right */
	bool may_bind_low;	  /* which this process has */
	size_t fd_limit;	  /* RLIMIT_NOFILE, hard */
	size_t max_flows;	  /* what that is enough for; 0: not known */
};

#endif
