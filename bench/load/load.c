/* load - the load generator's command line.
 * No thread and no dependency: one epoll loop a process, so that what it costs is small, steady and
 * the same for every proxy it looks at. */
#include <err.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "load.h"

struct command {
	const char *name;
	int (*main)(const struct load *l);
	unsigned conns;
	size_t size;
	double seconds, warmup;
	const char *help;
};

static const struct command commands[] = {
	{ "rr", rr_main, 64, 64, 2.5, 0.5,
	  "ADDR PORT  --conns connections, each one exchange of --size bytes after the other" },
	{ "bulk", bulk_main, 1, 1 << 17, 2.5, 0.5,
	  "ADDR PORT --up|--down  --conns streams one way, --size bytes a call" },
	{ "conn", conn_main, 64, 64, 2.5, 0.5,
	  "ADDR PORT  connect, --size bytes there and back, reset; --conns in flight; --count N;\n"
	  "         --greet: SMTP's greeting, EHLO and its answer instead" },
	{ "idle", idle_main, 2000, 64, 1, 0,
	  "ADDR PORT  --conns connections, one exchange on each, held --seconds; memory of --pid,\n"
	  "         also when the --first of them are there" },
	{ "paced", paced_main, 64, 64, 2.5, 0.5,
	  "ADDR PORT  --rate requests of --size bytes a second over --conns, whatever comes back" },
	{ "smtp", smtp_main, 16, 4096, 2.5, 0.5,
	  "ADDR PORT  mail sessions, --conns at a time, each with a mail of --size bytes" },
	{ "fanout", fanout_main, 1000, 0, 2.5, 0.5,
	  "ADDR PORT  --conns in IMAP IDLE, which the server sends notices to" },
	{ "serve", serve_main, 0, 0, 0, 0,
	  "ADDR ROLE:PORT…  echo, sink, source, smtp, imap; --proxy: after a PROXY header; --verify" },
};

enum {
	OPT_CONNS = 256,
	OPT_SIZE,
	OPT_SECONDS,
	OPT_WARMUP,
	OPT_PATIENCE,
	OPT_COUNT,
	OPT_PID,
	OPT_RATE,
	OPT_FIRST
};

static void usage(FILE *to)
{
	fputs("load MODE ARGUMENTS [--conns N] [--size N] [--seconds S] [--warmup S] [--patience S]\n"
	      "     [--count N] [--rate N] [--first N] [--greet] [--pid PID]… [--verify] [--proxy]\n"
	      "prints one JSON object\n",
	      to);
	for (size_t i = 0; i < sizeof(commands) / sizeof(*commands); i++)
		fprintf(to, "  %-6s %s\n", commands[i].name, commands[i].help);
}

static double number(const char *text, double least)
{
	char *end;
	double value = strtod(text, &end);

	if (end == text || *end || !(value >= least))
		errx(1, "%s: a number of at least %g is wanted", text, least);
	return value;
}

static void add_pid(struct load *l, const char *text)
{
	if (l->npids == LOAD_PIDS)
		errx(1, "more than %d --pid", LOAD_PIDS);
	l->pids[l->npids++] = (int)number(text, 1);
}

static void take_option(struct load *l, int opt)
{
	switch (opt) {
	case 0:
		break;
	case OPT_CONNS:
		l->conns = (unsigned)number(optarg, 1);
		break;
	case OPT_SIZE:
		l->size = (size_t)number(optarg, 1);
		break;
	case OPT_SECONDS:
		l->seconds = number(optarg, 0);
		break;
	case OPT_WARMUP:
		l->warmup = number(optarg, 0);
		break;
	case OPT_PATIENCE:
		l->patience = number(optarg, 0.1);
		break;
	case OPT_COUNT:
		l->count = (uint64_t)number(optarg, 1);
		break;
	case OPT_PID:
		add_pid(l, optarg);
		break;
	case OPT_RATE:
		l->rate = number(optarg, 1);
		break;
	case OPT_FIRST:
		l->first = (unsigned)number(optarg, 1);
		break;
	default:
		usage(stderr);
		exit(1);
	}
}

static void take_options(struct load *l, int argc, char **argv)
{
	int up = 0, down = 0, verify = 0, proxy = 0, greet = 0, opt;
	const struct option options[] = {
		{ "conns", required_argument, NULL, OPT_CONNS },
		{ "size", required_argument, NULL, OPT_SIZE },
		{ "seconds", required_argument, NULL, OPT_SECONDS },
		{ "warmup", required_argument, NULL, OPT_WARMUP },
		{ "patience", required_argument, NULL, OPT_PATIENCE },
		{ "count", required_argument, NULL, OPT_COUNT },
		{ "pid", required_argument, NULL, OPT_PID },
		{ "rate", required_argument, NULL, OPT_RATE },
		{ "first", required_argument, NULL, OPT_FIRST },
		{ "greet", no_argument, &greet, 1 },
		{ "up", no_argument, &up, 1 },
		{ "down", no_argument, &down, 1 },
		{ "verify", no_argument, &verify, 1 },
		{ "proxy", no_argument, &proxy, 1 },
		{ 0 },
	};

	while ((opt = getopt_long(argc, argv, "", options, NULL)) >= 0)
		take_option(l, opt);
	l->up = up;
	l->down = down;
	l->verify = verify;
	l->proxy = proxy;
	l->greet = greet;
	if (argc - optind < 2)
		errx(1, "an address and a port are wanted; load --help tells");
	l->host = argv[optind];
	l->ports = argv + optind + 1;
	l->nports = argc - optind - 1;
}

/* Thousands of connections are the point here; the soft limit is rarely made for them. */
static void raise_descriptors(void)
{
	struct rlimit lim;

	if (getrlimit(RLIMIT_NOFILE, &lim) == 0) {
		lim.rlim_cur = lim.rlim_max;
		setrlimit(RLIMIT_NOFILE, &lim);
	}
}

int main(int argc, char **argv)
{
	const char *name = argc > 1 ? argv[1] : "";

	if (!strcmp(name, "--help")) {
		usage(stdout);
		return 0;
	}
	for (size_t i = 0; i < sizeof(commands) / sizeof(*commands); i++) {
		const struct command *c = &commands[i];
		struct load l = { .conns = c->conns,
				  .size = c->size,
				  .seconds = c->seconds,
				  .warmup = c->warmup,
				  .patience = 10 };

		if (strcmp(name, c->name))
			continue;
		take_options(&l, argc - 1, argv + 1);
		raise_descriptors();
		signal(SIGPIPE, SIG_IGN);
		return c->main(&l);
	}
	usage(stderr);
	return 1;
}
