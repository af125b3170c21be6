/* Whole files: what they mean, what [defaults] and the table fill in, and every complaint. */
#include "config/config.h"
#include "config/source.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "check.h"
#include "support/configs.h"

#define MAIL	 "[listen mail]\nports = 25 465 587 143 993\nbackend = stalwart\n\n"
#define STALWART "[backend stalwart]\nserver = 192.0.2.10\nsend-proxy = v2\n"

Test(config, smallest)
{
	struct config *c = config_of(MAIL STALWART);
	const struct listen_conf *l = &c->listens[0];
	const struct backend_conf *b = &c->backends[0];

	expect_str(c->file, "test.ini", "file");
	expect_num(c->nlistens, 1, "listens");
	expect_num(c->nbackends, 1, "backends");
	expect_str(l->section.name, "mail", "listen");
	expect_num(l->ports.count, 5, "ports");
	expect_num(l->ports.at[4].to, 993, "ports");
	expect_num(l->bind.count, 2, "bind: both families");
	expect_num(l->bind.at[0].sa.sa_family, AF_INET, "bind");
	expect_num(l->bind.at[1].sa.sa_family, AF_INET6, "bind");
	cr_expect(l->routes.at[0].backend == b, "backend");
	expect_num(l->profile, PROFILE_AUTO, "profile");
	expect_str(l->path, "auto", "path");
	expect_num(l->timeouts.idle, 0, "idle: as the profile says");
	expect_str(b->section.name, "stalwart", "backend");
	expect_str(b->servers.at[0].host, "192.0.2.10", "server");
	expect_num(b->servers.at[0].port, 0, "server's port");
	expect_num(b->send_proxy, PP_V2, "send-proxy");
	expect_num(b->connect_timeout, 5000, "connect-timeout");
	expect_num(c->global.workers, 0, "workers");
	expect_num(c->global.max_flows, 0, "max-flows");
	expect_num(c->global.log, LINE_LOGFMT, "log");
	expect_num(c->global.log_level, LOG_INFO, "log-level");
	expect_num(c->global.drain, 30000, "drain");
	config_free(c);
}

Test(config, every_key)
{
	struct config *c = config_of(
		"[global]\nworkers = 3\nmax-flows = 100\nlog = json\nlog-level = debug\n"
		"drain = 90s\n"
		"[listen a]\nports = 25>10025 8000-8001\nbind = 127.0.0.1\n  ::1\n"
		"backend = b:99\nprofile = imap\npath = copy\nidle = 1m\nhalf-closed = 2m\n"
		"keepalive = 3m\nuser-timeout = 4m\n"
		"[backend b]\nserver = 192.0.2.1\nserver = [2001:db8::1]:26\nsend-proxy = v1\n"
		"connect-timeout = 700ms\nidle = 5m\nhalf-closed = 6m\nkeepalive = 7m\n"
		"user-timeout = 8m\n");
	const struct listen_conf *l = &c->listens[0];
	const struct backend_conf *b = &c->backends[0];

	expect_num(c->global.workers, 3, "workers");
	expect_num(c->global.max_flows, 100, "max-flows");
	expect_num(c->global.log, LINE_JSON, "log");
	expect_num(c->global.log_level, LOG_DEBUG, "log-level");
	expect_num(c->global.drain, 90000, "drain");
	expect_num(l->ports.count, 3, "ports");
	expect_num(l->ports.at[0].to, 10025, "ports");
	expect_num(l->bind.count, 2, "bind goes on in the next line");
	expect_num(l->target.port, 99, "backend's port");
	expect_num(l->profile, PROFILE_IMAP, "profile");
	expect_str(l->path, "copy", "path");
	expect_num(l->timeouts.idle, 60000, "idle");
	expect_num(l->timeouts.half_closed, 120000, "half-closed");
	expect_num(l->timeouts.keepalive, 180000, "keepalive");
	expect_num(l->timeouts.user_timeout, 240000, "user-timeout");
	expect_num(b->servers.count, 2, "servers");
	expect_num(b->servers.at[1].port, 26, "server's port");
	expect_num(b->send_proxy, PP_V1, "send-proxy");
	expect_num(b->connect_timeout, 700, "connect-timeout");
	expect_num(b->timeouts.idle, 300000, "idle");
	expect_num(b->timeouts.user_timeout, 480000, "user-timeout");
	config_free(c);
}

/* The section itself, then [defaults] wherever it stands, then the table. */
Test(config, defaults)
{
	struct config *c =
		config_of("[listen a]\nports = 25\nidle = 5m\npath = copy\n"
			  "[listen b]\nports = 26\nbackend = y\nbind = ::1\n"
			  "[defaults]\nidle = 10m\nbackend = x\nsend-proxy = v1\npath = splice\n"
			  "bind = 127.0.0.1\n  127.0.0.2\nserver = 192.0.2.1\n"
			  "[backend x]\nsend-proxy = v2\n"
			  "[backend y]\nidle = 1m\n");
	const struct listen_conf *a = &c->listens[0], *b = &c->listens[1];
	const struct backend_conf *x = &c->backends[0], *y = &c->backends[1];

	expect_num(a->timeouts.idle, 300000, "a has its own");
	expect_num(b->timeouts.idle, 600000, "b takes the default");
	expect_num(x->timeouts.idle, 600000, "x takes the default");
	expect_num(y->timeouts.idle, 60000, "y has its own");
	expect_str(a->path, "copy", "own path");
	expect_str(b->path, "splice", "default path");
	expect_num(a->bind.count, 2, "default bind, both");
	expect_num(b->bind.count, 1, "own bind replaces it");
	cr_expect(a->routes.at[0].backend == x && b->routes.at[0].backend == y);
	expect_num(x->send_proxy, PP_V2, "own");
	expect_num(y->send_proxy, PP_V1, "default");
	expect_str(y->servers.at[0].host, "192.0.2.1", "default server");
	expect_num(a->timeouts.half_closed, 0, "nobody said anything");
	config_free(c);
}

static const struct {
	const char *label, *text, *complaints;
} mistakes[] = {
	{ "nothing", "", "0:no [listen NAME] section" },
	{ "only a backend", STALWART,
	  "0:no [listen NAME] section|1:[backend stalwart]: no listener leads" },
	{ "an unknown section", MAIL STALWART "[listens x]\n",
	  "8:unknown section [listens x], did you mean 'listen'?; known: [global] [defaults] [listen NAME] [backend NAME]" },
	{ "an unknown key", MAIL "port = 25\n" STALWART,
	  "5:unknown key 'port' in [listen], did you mean 'ports'?; known: ports bind" },
	{ "a key of another section", MAIL "server = 192.0.2.1\n" STALWART,
	  "5:unknown key 'server' in [listen]" },
	{ "an unknown key in [global]", "[global]\nidle = 1m\n" MAIL STALWART,
	  "2:unknown key 'idle' in [global]; known: workers max-flows user control" },
	{ "an unknown key in [defaults]", "[defaults]\nworkers = 2\n" MAIL STALWART,
	  "2:unknown key 'workers' in [defaults]; known: those of [listen] and [backend]" },
	{ "a word mistyped", MAIL "profile = htps\n" STALWART,
	  "5:profile: 'htps': expected one of auto smtp imap http https raw, did you mean 'https'?" },
	{ "a key in the wrong section", MAIL "paths = copy\n" STALWART,
	  "5:unknown key 'paths' in [listen], did you mean 'path'?; known:" },
	{ "a route to nowhere", MAIL "route = sni:a -> stalwar\n" STALWART,
	  "5:route: there is no [backend stalwar], did you mean 'stalwart'?" },
	{ "a variable that is not set",
	  MAIL "[backend stalwart]\nserver = ${TAILSPLICE_TEST_UNSET}\n",
	  "6:server: ${TAILSPLICE_TEST_UNSET} is not set: set it in the environment or in .env" },
	{ "a variable that is not closed", MAIL "path = ${A\n" STALWART,
	  "5:path: expected ${NAME} or ${NAME:-TEXT}, not '${A' (a dollar is $$)" },
	{ "a dollar", MAIL "path = a$b\n" STALWART, "5:path: a lone '$' in 'a$b': a dollar is $$" },
	{ "a wrong value of a variable is not shown", MAIL "idle = ${PATH}\n" STALWART,
	  "5:idle: what '${PATH}' stands for: expected a time" },
	{ "include without a file beside it", "[global]\ninclude = x.ini\n" MAIL STALWART,
	  "2:include: this is not a file" },
	{ "a key in capitals", "[listen a]\nPorts = 25\nbackend = stalwart\n" STALWART,
	  "1:[listen a] has no ports|2:unknown key 'Ports' in [listen], did you mean 'ports'?" },
	{ "a name for [global]", "[global x]\n" MAIL STALWART, "1:[global] takes no name" },
	{ "no name", "[listen]\nports = 25\nbackend = stalwart\n" MAIL STALWART,
	  "1:[listen]: expected [listen NAME] with a name" },
	{ "a bad name", "[listen a/b]\nports = 25\nbackend = stalwart\n" MAIL STALWART,
	  "1:[listen a/b]: expected [listen NAME] with a name of letters, digits" },
	{ "a section twice", MAIL STALWART "[listen mail]\nports = 26\nbackend = stalwart\n",
	  "8:[listen mail] stands here twice: first in line 1" },
	{ "[global] twice", "[global]\n" MAIL "[global]\nworkers = 2\n" STALWART,
	  "6:[global] stands here twice: first in line 1" },
	{ "[defaults] twice", "[defaults]\n" MAIL "[defaults]\n" STALWART,
	  "6:[defaults] stands here twice: first in line 1" },
	{ "a key twice",
	  "[listen a]\nports = 25\nbackend = stalwart\npath = copy\n\npath = auto\n" STALWART,
	  "6:path stands here twice: first in line 4" },
	{ "ports twice", "[listen a]\nports = 25\nbackend = stalwart\nports = 26\n" STALWART,
	  "4:ports stands here twice: first in line 2" },
	{ "ports twice in [defaults]", "[defaults]\nports = 25\nports = 26\n" MAIL STALWART,
	  "3:ports stands here twice: first in line 2" },
	{ "a key goes on", "[listen a]\nports = 25\nbackend = stalwart\n  mail\n" STALWART,
	  "4:backend stands here twice: first in line 3 (an indented line goes on with the key above)" },
	{ "a key twice in [defaults]", "[defaults]\nidle = 1m\nidle = 2m\n" MAIL STALWART,
	  "3:idle stands here twice: first in line 2" },
	{ "no ports", "[listen a]\nbackend = stalwart\n" STALWART,
	  "1:[listen a] has no ports: add `ports = " },
	{ "no backend", MAIL "[listen a]\nports = 26\n" STALWART,
	  "5:[listen a] has no backend: add `backend = " },
	{ "no server", MAIL "[backend stalwart]\nsend-proxy = v2\n",
	  "5:[backend stalwart] has no server: add `server = " },
	{ "no such backend", "[listen a]\nports = 26\n\nbackend = nowhere\n" MAIL STALWART,
	  "4:backend: there is no [backend nowhere]" },
	{ "a backend of [defaults] that is not there",
	  "[defaults]\nbackend = nowhere\n[listen a]\nports = 1\n" MAIL STALWART,
	  "2:backend: there is no [backend nowhere]" },
	{ "a backend nobody needs", MAIL STALWART "[backend other]\nserver = 192.0.2.1\n",
	  "8:[backend other]: no listener leads to it" },
	{ "out of range", "[global]\nworkers = 0\n" MAIL STALWART,
	  "2:workers: '0': expected a number from 1 to 256, or auto" },
	{ "a time without unit", MAIL "idle = 10\n" STALWART,
	  "5:idle: '10': expected a time from 1s to 30d with its unit" },
	{ "not one of the words", MAIL STALWART "profile = v3\n",
	  "8:unknown key 'profile' in [backend]" },
	{ "a wrong word", MAIL "profile = v3\n" STALWART,
	  "5:profile: 'v3': expected one of auto smtp imap http https raw" },
	{ "an empty value", MAIL "path =\n" STALWART, "5:path: '': expected a value" },
	{ "a wrong default that is used",
	  "[defaults]\nsend-proxy = v3\n" MAIL "[backend stalwart]\nserver = 192.0.2.1\n",
	  "2:send-proxy: 'v3': expected one of off v1 v2" },
	{ "a wrong default that nobody takes", "[defaults]\nsend-proxy = v3\n" MAIL STALWART,
	  "2:send-proxy: 'v3': expected one of off v1 v2" },
	{ "a wrong default that two sections take", "[defaults]\nidle = soon\n" MAIL STALWART,
	  "2:idle: 'soon': expected a time" },
	{ "before any section", "ports = 25\n" MAIL STALWART,
	  "1:'ports' stands before the first [section]" },
};

Test(config, mistakes)
{
	for (size_t i = 0; i < ARRAY_LEN(mistakes); i++)
		expect_complaints(mistakes[i].text, mistakes[i].complaints, mistakes[i].label);
}

Test(config, all_mistakes_at_once)
{
	expect_complaints("workers = 2\n"
			  "[global]\n"
			  "workers = 999\n"
			  "log = xml\n"
			  "\n"
			  "[listen mail]\n"
			  "ports = 25 25\n"
			  "ports 26\n"
			  "backend = nowhere\n"
			  "bind = localhost\n"
			  "colour = red\n"
			  "[listen mail]\n"
			  "[lisen x]\n"
			  "[backend stalwart]\n"
			  "server = 192.0.2\n"
			  "connect-timeout = 5\n"
			  "[backend",
			  "1:'workers' stands before"
			  "|3:workers: '999'"
			  "|4:log: 'xml': expected one of logfmt json"
			  "|7:ports: '25 25': expected each port once"
			  "|8:expected KEY = VALUE"
			  "|9:backend: there is no [backend nowhere]"
			  "|10:bind: 'localhost': expected IP addresses"
			  "|11:unknown key 'colour'"
			  "|12:[listen mail] stands here twice: first in line 6"
			  "|13:unknown section [lisen x]"
			  "|14:[backend stalwart]: no listener leads to it"
			  "|15:server: '192.0.2': expected HOST or HOST:PORT"
			  "|16:connect-timeout: '5'"
			  "|17:the heading of a section has no ']'",
			  "everything");
}

Test(config, complaints_are_printed_with_file_and_line)
{
	struct report report;
	char *text = NULL;
	size_t len = 0;
	FILE *f = open_memstream(&text, &len);

	report_init(&report, "etc/x.ini");
	report_add(&report, 9, "%s", "nine");
	report_add(&report, 3, "three");
	report_add(&report, 0, "all");
	report_add(&report, 3, "three again");
	report_print(&report, f);
	fclose(f);
	expect_str(
		text,
		"etc/x.ini: all\netc/x.ini:3: three\netc/x.ini:3: three again\netc/x.ini:9: nine\n",
		"printed");
	report_finish(&report);
	free(text);
}

static void expect_unreadable(const char *file, const char *words)
{
	struct report report;

	report_init(&report, file);
	config_free(config_load(file, &report));
	expect_num(report.count, 1, file);
	expect_num(report.count ? report.at[0].line : -1, 0, file);
	expect_has(report.count ? report.at[0].text : NULL, words, file);
	report_finish(&report);
}

Test(config, files)
{
	char dir[] = "/tmp/tailsplice-test-XXXXXX", file[64];
	struct report report;
	struct config *c;
	FILE *f;

	cr_assert(mkdtemp(dir) != NULL);
	snprintf(file, sizeof(file), "%s/x.ini", dir);
	expect_unreadable(file, "cannot be read: No such file");
	expect_unreadable(dir, "is a directory");
	f = fopen(file, "w");
	fputs(MAIL STALWART, f);
	fclose(f);
	report_init(&report, file);
	c = config_load(file, &report);
	cr_expect(c && c->nlistens == 1, "a good file");
	config_free(c);
	report_finish(&report);
	cr_assert(truncate(file, CONFIG_SIZE_MAX + 1) == 0);
	expect_unreadable(file, "is larger than 4 MiB");
	unlink(file);
	cr_assert(mkfifo(file, 0600) == 0);
	expect_unreadable(file, "it is no regular file");
	unlink(file);
	rmdir(dir);
}

Test(config, free_accepts_nothing)
{
	config_free(NULL);
}
