#include "backend/advice.h"

#include <errno.h>
#include <string.h>

#include "backend/device.h"

static const char *const versions[] = { "off", "v1", "v2" };

static const struct outcome *configured(const struct advice *a)
{
	return &a->evidence->outcome[manner_of(a->evidence->configured)];
}

static double seconds(msec_t ms)
{
	return (double)ms / 1000;
}

/* "PROXY v2" of the configured manner, as part of a sentence. */
static const char *header_of(const struct advice *a)
{
	static const char *const words[] = { "no PROXY header", "PROXY v1", "PROXY v2" };

	return words[a->evidence->configured];
}

static void say_fine(const struct advice *a, FILE *to)
{
	const struct outcome *o = verdict_outcome(a->evidence);
	msec_t ms = o->connect_ms + o->greeting_ms;

	if (o->speech == SPEECH_TLS)
		fprintf(to, "%s, TLS answers in %llu ms", header_of(a), (unsigned long long)ms);
	else
		fprintf(to, "%s, %llu ms: %s", header_of(a), (unsigned long long)ms, o->text);
	if (o != configured(a))
		fprintf(to,
			" (the second time; the first connection was closed without a word, as by a server that throttles)");
}

static void say_wants_none(const struct advice *a, FILE *to)
{
	const struct outcome *o = configured(a);
	char words[OUTCOME_WORDS];

	fprintf(to, "%s does not expect the PROXY header that this edge sends: ",
		software_name(a->software));
	if (o->ending == ENDING_OBJECTED)
		fprintf(to, "it answers it with \"%s\"", o->text);
	else
		fprintf(to, "with it, it %s; without one it serves", outcome_words(o, words));
	fprintf(to,
		". Tell it to expect one from this edge, or set send-proxy = off in [backend %s] (%s)",
		a->backend, a->setting);
}

/* A policy drops without a word, as a dead machine does: tailscaled can tell them apart. */
static const char *why_no_answer(const struct advice *a)
{
	if (a->host_answers)
		return "other ports of that address answer, so a firewall or the tailnet's policy drops this one";
	switch (a->standing) {
	case TAILNET_PRESENT:
		return "tailscaled says the node is online, so the tailnet's policy or a firewall drops this port, or the node is frozen";
	case TAILNET_AWAY:
		return "tailscaled says the node is offline, or its key has expired";
	case TAILNET_NOT_SHOWN:
		return "no node that this one may see has that address: it is gone (a container gets a new one with each start), or "
		       "the tailnet's policy grants this edge none of its ports";
	default:
		return "the node is gone, or a firewall or the tailnet's policy drops everything";
	}
}

static void say_unreachable(const struct advice *a, FILE *to)
{
	const struct outcome *o = configured(a);
	char words[OUTCOME_WORDS];

	if (a->other_family)
		fprintf(to, "does not connect over %s (%s), but over %s it does: ",
			a->to.sa.sa_family == AF_INET6 ? "IPv6" : "IPv4",
			o->error == -ETIMEDOUT ? "no answer" : strerrordesc_np(-o->error),
			a->to.sa.sa_family == AF_INET6 ? "IPv4" : "IPv6");
	switch (a->finding) {
	case FINDING_CLOSED_PORT:
		fprintf(to,
			"refused in %llu ms: the machine is there, but nothing listens on port %u of that address",
			(unsigned long long)o->connect_ms, addr_port(&a->to));
		break;
	case FINDING_NO_ANSWER:
		fprintf(to, "no answer in %g s, not even a refusal: %s",
			seconds(a->connect_timeout), why_no_answer(a));
		break;
	default:
		fprintf(to, "there is no way from this machine to that address: %s",
			outcome_words(o, words));
	}
}

static void say_no_service(const struct advice *a, FILE *to)
{
	const struct outcome *o = configured(a);
	char words[OUTCOME_WORDS];

	switch (a->finding) {
	case FINDING_STUCK:
		fprintf(to,
			"accepts but says nothing for %g s, with and without PROXY: the service behind is stuck, or blocks this edge's address",
			seconds(a->timeout));
		break;
	case FINDING_CLOSES:
		fprintf(to,
			"accepts and closes without a word, with and without PROXY: it blocks or throttles this edge's address, or does not trust it with a PROXY header");
		break;
	case FINDING_BANS_EDGE:
		fprintf(to,
			"serves clients, but closes on this edge's own address without a word: it is banned there. Mail flows; checks of this server fail");
		break;
	case FINDING_FOREIGN:
		fprintf(to, "speaks %s (%s) where %s is expected: is this the right port?",
			speech_name(o->speech), o->text, speech_name(a->evidence->expect));
		break;
	default:
		fprintf(to, "%s", outcome_words(o, words));
	}
}

void advice_line(const struct advice *a, FILE *to)
{
	const struct outcome *v2 = &a->evidence->outcome[MANNER_V2];

	switch (a->finding) {
	case FINDING_NONE:
		fprintf(to, "not finished in time");
		break;
	case FINDING_NO_ADDRESS:
		fprintf(to, "its name does not resolve: %s", a->no_address);
		break;
	case FINDING_FINE:
		say_fine(a, to);
		break;
	case FINDING_CONNECTS:
		fprintf(to,
			"accepts, and waits for the client to speak; its protocol is not known, so no more was asked");
		break;
	case FINDING_WANTS_HEADER:
		fprintf(to,
			"answers only with PROXY v2%s%s%s, but this backend sends no PROXY header: set send-proxy = v2 in [backend %s] (%s)",
			*v2->text ? " (" : "", v2->text, *v2->text ? ")" : "", a->backend,
			a->setting);
		break;
	case FINDING_WANTS_V1:
	case FINDING_WANTS_V2:
		fprintf(to,
			"answers only with PROXY %s, but send-proxy is %s: set send-proxy = %s in [backend %s] (%s)",
			a->finding == FINDING_WANTS_V1 ? "v1" : "v2",
			versions[a->evidence->configured],
			a->finding == FINDING_WANTS_V1 ? "v1" : "v2", a->backend, a->setting);
		break;
	case FINDING_WANTS_NONE:
		say_wants_none(a, to);
		break;
	case FINDING_CLOSED_PORT:
	case FINDING_NO_ANSWER:
	case FINDING_NO_WAY:
		say_unreachable(a, to);
		break;
	default:
		say_no_service(a, to);
	}
}

const char *advice_side(const struct advice *a)
{
	switch (a->finding) {
	case FINDING_FINE:
	case FINDING_CONNECTS:
		return "none";
	case FINDING_WANTS_HEADER:
	case FINDING_WANTS_V1:
	case FINDING_WANTS_V2:
	case FINDING_FOREIGN:
		return "edge";
	case FINDING_WANTS_NONE:
		return "either";
	case FINDING_NO_ADDRESS:
	case FINDING_NO_ANSWER:
	case FINDING_NO_WAY:
		return "network";
	default:
		return "server";
	}
}

/* This edge's addresses, each written as `format` says, with `between` between them. */
static void list_edge(const struct advice *a, const char *format, const char *between, FILE *to)
{
	char text[ADDR_TEXT];
	bool more = false;

	for (size_t i = 0; i < ARRAY_LEN(a->edge); i++) {
		if (a->edge[i].sa.sa_family == AF_UNSPEC)
			continue;
		fputs(more ? between : "", to);
		fprintf(to, format, addr_format_host(&a->edge[i], text));
		more = true;
	}
	if (!more)
		fprintf(to, format, "EDGE");
}

static void tell_stalwart(const struct advice *a, int indent, FILE *to)
{
	fprintf(to, "%*sStalwart, the listener on port %u: overrideProxyTrustedNetworks = ", indent,
		"", addr_port(&a->to));
	list_edge(a, "%s", ", ", to);
	fprintf(to,
		"; then restart it (a reload is not enough)\n"
		"%*s  x:NetworkListener/set {\"update\":{\"ID\":{\"overrideProxyTrustedNetworks\":{",
		indent, "");
	list_edge(a, "\"%s\":true", ",", to);
	fprintf(to, "}}}}\n");
}

static void tell_postfix(const struct advice *a, int indent, FILE *to)
{
	fprintf(to,
		"%*sPostfix, master.cf, below the service on port %u (postscreen: postscreen_upstream_proxy_protocol):\n"
		"%*s  -o smtpd_upstream_proxy_protocol=haproxy\n"
		"%*s  It believes whoever connects there: let nobody but ",
		indent, "", addr_port(&a->to), indent, "", indent, "");
	list_edge(a, "%s", " and ", to);
	fprintf(to, " reach that port\n");
}

static void tell_dovecot(const struct advice *a, int indent, FILE *to)
{
	fprintf(to, "%*sDovecot, the inet_listener with port = %u, and beside the services:\n",
		indent, "", addr_port(&a->to));
	fprintf(to, "%*s  haproxy = yes\n%*s  haproxy_trusted_networks = ", indent, "", indent, "");
	list_edge(a, "%s", " ", to);
	fputc('\n', to);
}

static void tell_nginx(const struct advice *a, int indent, FILE *to)
{
	fprintf(to,
		"%*snginx, the server that listens on port %u:\n%*s  listen %u%s proxy_protocol; ",
		indent, "", addr_port(&a->to), indent, "", addr_port(&a->to),
		a->evidence->expect == SPEECH_TLS ? " ssl" : "");
	list_edge(a, "set_real_ip_from %s;", " ", to);
	fprintf(to, " real_ip_header proxy_protocol;\n");
}

static void tell_caddy(const struct advice *a, int indent, FILE *to)
{
	fprintf(to,
		"%*sCaddy, global options:\n"
		"%*s  servers :%u { listener_wrappers { proxy_protocol { allow ",
		indent, "", indent, "", addr_port(&a->to));
	list_edge(a, "%s", " ", to);
	fprintf(to, " } tls } }\n");
}

typedef void tell_fn(const struct advice *a, int indent, FILE *to);

static bool is_imap(const struct advice *a)
{
	uint16_t port = addr_port(&a->to);

	return a->evidence->expect == SPEECH_IMAP || a->evidence->expect == SPEECH_POP3 ||
	       a->evidence->expect == SPEECH_SIEVE || port == 993 || port == 995;
}

static bool is_web(const struct advice *a)
{
	uint16_t port = addr_port(&a->to);

	return a->evidence->expect == SPEECH_HTTP || port == 443 || port == 8443;
}

/* Of the server that said who it is, or of those that it may be. */
static void tell_to_expect(const struct advice *a, int indent, FILE *to)
{
	static tell_fn *const tellers[SOFTWARE_COUNT] = {
		[SOFTWARE_STALWART] = tell_stalwart, [SOFTWARE_POSTFIX] = tell_postfix,
		[SOFTWARE_DOVECOT] = tell_dovecot,   [SOFTWARE_NGINX] = tell_nginx,
		[SOFTWARE_CADDY] = tell_caddy,
	};

	if (tellers[a->software]) {
		tellers[a->software](a, indent, to);
		return;
	}
	if (a->software == SOFTWARE_EXIM) {
		fprintf(to, "%*sExim: hosts_proxy = <; ", indent, "");
		list_edge(a, "%s", " ; ", to);
		fputc('\n', to);
		return;
	}
	tell_stalwart(a, indent, to);
	if (is_web(a)) {
		tell_nginx(a, indent, to);
		tell_caddy(a, indent, to);
	} else {
		(is_imap(a) ? tell_dovecot : tell_postfix)(a, indent, to);
	}
}

static void tell_to_look(const struct advice *a, int indent, FILE *to)
{
	fprintf(to, "%*sOn the server: is it running, does its log name this edge (", indent, "");
	list_edge(a, "%s", ", ", to);
	fprintf(to, ")?\n");
	if (a->software == SOFTWARE_UNKNOWN || a->software == SOFTWARE_STALWART)
		fprintf(to,
			"%*sStalwart logs security.ip-blocked; lift it by x:BlockedIp/set {\"destroy\":[\"ID\"]} and then\n"
			"%*s  x:Action/set {\"create\":{\"a\":{\"@type\":\"ReloadBlockedIps\"}}}; prevent it by x:AllowedIp/set with this edge's address, and a restart\n",
			indent, "", indent, "");
	if (a->finding == FINDING_CLOSES && is_imap(a)) {
		fprintf(to,
			"%*sDovecot closes on a PROXY header from anyone who is not in haproxy_trusted_networks = ",
			indent, "");
		list_edge(a, "%s", " ", to);
		fputc('\n', to);
	}
}

static void tell_to_let_in(const struct advice *a, int indent, FILE *to)
{
	char text[ADDR_TEXT];

	if (a->other_family)
		fprintf(to,
			"%*sUntil that works, every new flow may lose time on it: remove that record, or make it work\n",
			indent, "");
	if (a->finding == FINDING_NO_WAY && configured(a)->error == -ENODEV)
		fprintf(to,
			"%*sStart tailscaled and log in; or, where it has no interface, set via = socks5://127.0.0.1:1055 in [backend %s]\n",
			indent, "", a->backend);
	if (a->finding != FINDING_NO_ANSWER || !device_is_tailnet(&a->to))
		return;
	addr_format_host(&a->to, text);
	fprintf(to,
		"%*sIs it there: tailscale ping %s. A grant of the tailnet's policy lets this edge in:\n",
		indent, "", text);
	fprintf(to, "%*s  {\"src\": [", indent, "");
	list_edge(a, "\"%s\"", ", ", to);
	fprintf(to, "], \"dst\": [\"%s\"], \"ip\": [\"tcp:%u\"]}\n", text, addr_port(&a->to));
}

void advice_remedy(const struct advice *a, int indent, FILE *to)
{
	switch (a->finding) {
	case FINDING_WANTS_HEADER:
	case FINDING_WANTS_V1:
	case FINDING_WANTS_V2:
		fprintf(to, "%*s[backend %s]\n%*ssend-proxy = %s\n", indent, "", a->backend, indent,
			"", a->finding == FINDING_WANTS_V1 ? "v1" : "v2");
		break;
	case FINDING_WANTS_NONE:
		tell_to_expect(a, indent, to);
		break;
	case FINDING_STUCK:
	case FINDING_CLOSES:
	case FINDING_BANS_EDGE:
		tell_to_look(a, indent, to);
		break;
	case FINDING_CLOSED_PORT:
	case FINDING_NO_ANSWER:
	case FINDING_NO_WAY:
		tell_to_let_in(a, indent, to);
		break;
	default:
		break;
	}
}
