/* Findings in the operator's words: which side, and what to set, with this edge's addresses in it. */
#include "backend/advice.h"

#include <errno.h>
#include <stdlib.h>

#include "check.h"

static char *text_of(void (*write)(const struct advice *, FILE *), const struct advice *a)
{
	char *text = NULL;
	size_t len;
	FILE *to = open_memstream(&text, &len);

	write(a, to);
	fclose(to);
	return text;
}

static void write_remedy(const struct advice *a, FILE *to)
{
	advice_remedy(a, 2, to);
}

/* clang-format off */
static const struct row {
	const char *name;
	enum finding finding;
	enum pp_version configured;
	enum speech expect;
	const char *to;
	uint16_t port;
	enum software software;
	const char *line, *remedy; /* parts; NULL: nothing is to be set */
	const char *side;
} rows[] = {
	{ "off", FINDING_WANTS_HEADER, PP_OFF, SPEECH_SMTP, "100.64.0.2", 25, SOFTWARE_STALWART,
	  "set send-proxy = v2 in [backend mail] (edge.ini:7)", "[backend mail]\n  send-proxy = v2\n", "edge" },
	{ "v1", FINDING_WANTS_V1, PP_V2, SPEECH_SMTP, "100.64.0.2", 25, 0,
	  "answers only with PROXY v1, but send-proxy is v2", "send-proxy = v1", "edge" },
	{ "Stalwart", FINDING_WANTS_NONE, PP_V2, SPEECH_SMTP, "100.64.0.2", 587, SOFTWARE_STALWART,
	  "Stalwart does not expect the PROXY header",
	  "{\"update\":{\"ID\":{\"overrideProxyTrustedNetworks\":{\"100.64.0.1\":true,\"fd7a:115c:a1e0::1\":true}}}}", "either" },
	{ "Postfix", FINDING_WANTS_NONE, PP_V2, SPEECH_SMTP, "192.0.2.2", 25, SOFTWARE_POSTFIX,
	  "or set send-proxy = off in [backend mail] (edge.ini:7)", "-o smtpd_upstream_proxy_protocol=haproxy", "either" },
	{ "Dovecot", FINDING_WANTS_NONE, PP_V2, SPEECH_IMAP, "192.0.2.2", 143, SOFTWARE_DOVECOT, "Dovecot does not expect",
	  "haproxy_trusted_networks = 100.64.0.1 fd7a:115c:a1e0::1\n", "either" },
	{ "nginx", FINDING_WANTS_NONE, PP_V2, SPEECH_TLS, "192.0.2.2", 443, SOFTWARE_NGINX, "nginx does not expect",
	  "listen 443 ssl proxy_protocol; set_real_ip_from 100.64.0.1; set_real_ip_from fd7a:115c:a1e0::1; real_ip_header proxy_protocol;\n", "either" },
	{ "Caddy", FINDING_WANTS_NONE, PP_V2, SPEECH_TLS, "192.0.2.2", 443, SOFTWARE_CADDY, "Caddy does not expect",
	  "proxy_protocol { allow 100.64.0.1 fd7a:115c:a1e0::1 } tls", "either" },
	{ "Exim", FINDING_WANTS_NONE, PP_V2, SPEECH_SMTP, "192.0.2.2", 25, SOFTWARE_EXIM, "Exim does not expect",
	  "hosts_proxy = <; 100.64.0.1 ; fd7a:", "either" },
	{ "whoever it is, mail", FINDING_WANTS_NONE, PP_V2, SPEECH_TLS, "192.0.2.2", 465, 0, "the server does not expect",
	  "smtpd_upstream_proxy_protocol", "either" },
	{ "whoever it is, reading", FINDING_WANTS_NONE, PP_V2, SPEECH_TLS, "192.0.2.2", 993, 0, "the server", "haproxy = yes", "either" },
	{ "whoever it is, web", FINDING_WANTS_NONE, PP_V2, SPEECH_TLS, "192.0.2.2", 443, 0, "the server", "listener_wrappers", "either" },
	{ "stuck", FINDING_STUCK, PP_V2, SPEECH_SMTP, "100.64.0.2", 25, 0,
	  "accepts but says nothing for 10 s, with and without PROXY", "security.ip-blocked", "server" },
	{ "closes", FINDING_CLOSES, PP_V2, SPEECH_IMAP, "192.0.2.2", 143, SOFTWARE_DOVECOT,
	  "closes without a word", "haproxy_trusted_networks = 100.64.0.1", "server" },
	{ "bans", FINDING_BANS_EDGE, PP_V2, SPEECH_SMTP, "100.64.0.2", 25, SOFTWARE_STALWART,
	  "Mail flows; checks of this server fail", "ReloadBlockedIps", "server" },
	{ "refused", FINDING_CLOSED_PORT, PP_V2, SPEECH_SMTP, "100.64.0.2", 25, 0, "nothing listens on port 25", NULL, "server" },
	{ "dropped, tailnet", FINDING_NO_ANSWER, PP_V2, SPEECH_SMTP, "100.64.0.2", 25, 0, "no answer in 5 s, not even a refusal",
	  "{\"src\": [\"100.64.0.1\", \"fd7a:115c:a1e0::1\"], \"dst\": [\"100.64.0.2\"], \"ip\": [\"tcp:25\"]}", "network" },
	{ "dropped, elsewhere", FINDING_NO_ANSWER, PP_V2, SPEECH_SMTP, "192.0.2.2", 25, 0, "the node is gone", NULL, "network" },
	{ "no way", FINDING_NO_WAY, PP_V2, SPEECH_SMTP, "192.0.2.2", 25, 0, "there is no way", NULL, "network" },
	{ "another", FINDING_FOREIGN, PP_V2, SPEECH_SMTP, "192.0.2.2", 25, 0, "where SMTP is expected", NULL, "edge" },
	{ "unresolved", FINDING_NO_ADDRESS, PP_V2, SPEECH_SMTP, "192.0.2.2", 25, 0, "does not resolve: no such name", NULL, "network" },
	{ "unfinished", FINDING_NONE, PP_V2, SPEECH_SMTP, "192.0.2.2", 25, 0, "not finished", NULL, "server" },
	{ "fine", FINDING_FINE, PP_V2, SPEECH_SMTP, "192.0.2.2", 25, 0, "PROXY v2, 0 ms", NULL, "none" },
};
/* clang-format on */

static struct advice advice_of(const struct row *r, struct evidence *e)
{
	struct advice a = { .finding = r->finding,
			    .evidence = e,
			    .backend = "mail",
			    .setting = "edge.ini:7",
			    .no_address = "no such name",
			    .software = r->software,
			    .connect_timeout = 5000,
			    .timeout = 10000 };

	addr_parse(&a.to, r->to, r->port);
	addr_parse(&a.edge[0], "100.64.0.1", 4711);
	addr_parse(&a.edge[1], "fd7a:115c:a1e0::1", 4711);
	return a;
}

Test(advice, rows)
{
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const struct row *r = &rows[i];
		struct evidence e = { .configured = r->configured, .expect = r->expect };
		struct advice a = advice_of(r, &e);
		char *line, *remedy;

		e.outcome[manner_of(r->configured)].error = -ETIMEDOUT;
		line = text_of(advice_line, &a);
		remedy = text_of(write_remedy, &a);
		expect_has(line, r->line, r->name);
		cr_expect(!strchr(line, '\n'), "%s: one line", r->name);
		if (r->remedy)
			expect_has(remedy, r->remedy, r->name);
		else
			expect_str(remedy, "", r->name);
		expect_str(advice_side(&a), r->side, r->name);
		free(line);
		free(remedy);
	}
}

Test(advice, other_ports_and_the_other_family_tell_more)
{
	const struct row r = {
		.finding = FINDING_NO_ANSWER, .configured = PP_V2, .to = "2001:db8::2", .port = 25
	};
	struct evidence e = { .configured = PP_V2 };
	struct advice a = advice_of(&r, &e);
	char *line, *remedy;

	e.outcome[MANNER_V2].error = -ETIMEDOUT;
	a.host_answers = a.other_family = true;
	line = text_of(advice_line, &a);
	remedy = text_of(write_remedy, &a);
	expect_has(line, "does not connect over IPv6 (no answer), but over IPv4 it does", "family");
	expect_has(line,
		   "other ports of that address answer, so a firewall or the tailnet's policy",
		   "ports");
	expect_has(remedy, "every new flow may lose time on it", "what it costs");
	free(line);
	free(remedy);
}

/* Without an answer only tailscaled can tell a dead machine from a policy. */
Test(advice, tailscaled_tells_more)
{
	static const struct {
		enum tailnet_standing standing;
		const char *words;
	} told[] = {
		{ TAILNET_NOT_ASKED, "the node is gone, or a firewall" },
		{ TAILNET_NOT_SHOWN, "no node that this one may see has that address" },
		{ TAILNET_AWAY, "offline, or its key has expired" },
		{ TAILNET_PRESENT,
		  "the node is online, so the tailnet's policy or a firewall drops this port" },
	};
	const struct row r = {
		.finding = FINDING_NO_ANSWER, .configured = PP_V2, .to = "100.64.0.2", .port = 25
	};
	struct evidence e = { .configured = PP_V2 };
	struct advice a = advice_of(&r, &e);
	char *line;

	e.outcome[MANNER_V2].error = -ETIMEDOUT;
	for (size_t i = 0; i < ARRAY_LEN(told); i++) {
		a.standing = told[i].standing;
		line = text_of(advice_line, &a);
		expect_has(line, told[i].words, told[i].words);
		free(line);
	}
}

/* A tailnet address on a machine that is in no tailnet. */
Test(advice, without_a_tailnet)
{
	struct row r = {
		.finding = FINDING_NO_WAY, .configured = PP_V2, .to = "100.64.0.2", .port = 25
	};
	struct evidence e = { .configured = PP_V2 };
	struct advice a = advice_of(&r, &e);
	char *text;

	e.outcome[MANNER_V2].ending = ENDING_UNREACHABLE;
	e.outcome[MANNER_V2].error = -ENODEV;
	text = text_of(write_remedy, &a);
	expect_has(text, "set via = socks5://127.0.0.1:1055 in [backend mail]", "no tailnet");
	free(text);
}

/* Before any connection it is not known how the server sees this edge. */
Test(advice, an_edge_without_address)
{
	const struct row r = { .finding = FINDING_WANTS_NONE,
			       .configured = PP_V2,
			       .to = "192.0.2.2",
			       .port = 143,
			       .software = SOFTWARE_DOVECOT };
	struct evidence e = { .configured = PP_V2, .expect = SPEECH_IMAP };
	struct advice a = advice_of(&r, &e);
	char *remedy;

	memset(a.edge, 0, sizeof(a.edge));
	remedy = text_of(write_remedy, &a);
	expect_has(remedy, "haproxy_trusted_networks = EDGE", "a word to replace");
	free(remedy);
}
