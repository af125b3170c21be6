#include <stdio.h>

#include "cmd/command.h"
#include "engine/ring.h"
#include "relay/paths.h"

int paths_main(int argc, char **argv)
{
	struct ring *ring = NULL;
	char text[512];
	const char *missing;
	int err;

	if (argc > 1) {
		fprintf(stderr, "paths: unexpected '%s': see tailsplice paths --help\n", argv[1]);
		return EXIT_MISTAKE;
	}
	err = ring_open(&ring);
	ring_explain(err, text, sizeof(text));
	for (size_t i = 0; paths[i]; i++) {
		missing = err ? text : paths[i]->missing ? paths[i]->missing(ring) : NULL;
		printf("%s %s %s\n", paths[i]->name, missing ? "no" : "yes",
		       missing ? missing : paths[i]->help);
	}
	ring_close(ring);
	return err ? EXIT_ENVIRONMENT : EXIT_DONE;
}
