#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/command.h"
#include "cmd/whoami.h"
#include "config/config.h"
#include "control/supervisor.h"

#define DEMO_PORT "2525"

static const char demo_file[] = "[global]\n"
				"drain = 1s\n"
				"[listen demo]\n"
				"ports = %s\n"
				"bind = 127.0.0.1\n"
				"backend = whoami\n"
				"[backend whoami]\n"
				"server = 127.0.0.1:%u\n"
				"send-proxy = v2\n";

static void *serve(void *arg)
{
	whoami_serve((int)(intptr_t)arg);
	return NULL;
}

/* The edge waits for signals in the main thread, so every other thread has to leave them alone. */
static int start_whoami(uint16_t *port)
{
	struct sockaddr_in at = { 0 };
	socklen_t size = sizeof(at);
	sigset_t signals;
	pthread_t thread;
	int fds[2], count, err;

	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGHUP);
	pthread_sigmask(SIG_BLOCK, &signals, NULL);
	err = whoami_listen(0, fds, &count);
	if (err < 0)
		return err;
	getsockname(fds[0], (struct sockaddr *)&at, &size);
	*port = ntohs(at.sin_port);
	return -pthread_create(&thread, NULL, serve, (void *)(intptr_t)fds[0]);
}

int demo_main(int argc, char **argv)
{
	const char *listen_port = argc > 1 ? argv[1] : DEMO_PORT;
	struct plan plan;
	struct config *c;
	uint16_t port;
	char text[512];
	int status;

	status = start_whoami(&port);
	if (status < 0) {
		fprintf(stderr, "demo: the whoami backend cannot start: %s\n", strerror(-status));
		return EXIT_ENVIRONMENT;
	}
	snprintf(text, sizeof(text), demo_file, listen_port, port);
	c = command_load_text("demo", text, &plan);
	if (!c)
		return EXIT_MISTAKE;
	fprintf(stderr,
		"demo: 127.0.0.1:%s -> whoami backend with PROXY v2. In another terminal:\n\n"
		"    nc 127.0.0.1 %s\n\nIts answer says which address and PROXY header the backend saw; the "
		"line of the flow appears here.\nCtrl-C ends it.\n\n",
		listen_port, listen_port);
	return (int)supervisor_run(NULL, c, &plan);
}
