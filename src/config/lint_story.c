#include "config/lint_story.h"

#include <string.h>

#include "base/bits.h"
#include "base/nearest.h"

/* Each story is one text of several lines: clang-format would join and split them. */
/* clang-format off */

static const struct lint_story stories[LINT_COUNT] = {
	[LINT_BARE_NAME] = {"bare-name", "a server's name has no dot",
		"A name without a dot, such as `stalwart`, resolves only where the tailnet's search domain is\n"
		"set: in your shell, but not in a container, not at boot before tailscaled is up, and not where\n"
		"MagicDNS was switched off. Then every connection ends with why=no-address, or the edge does not\n"
		"start. The deployment this edge was first written for lost its object store and its Redis to\n"
		"bare names: nothing complained, mail was just not kept. In bridged containers MagicDNS does not\n"
		"answer at all (tailscale#12225).\n"
		"Do: write the full name, HOST.TAILNET.ts.net (`tailscale status --json` shows it as DNSName), or\n"
		"the address, 100.x.y.z, which never waits for DNS.\n"},
	[LINT_TAILNET_OFF] = {"tailnet-off", "tailnet:NODE needs tailscaled, and tailscale is off",
		"tailnet:NODE is no name of DNS. tailscaled tells, over its socket, which addresses the node has\n"
		"now, also when a container of that name has just been started anew. With tailscale = off nobody\n"
		"is asked, and every flow would end with why=no-address.\n"
		"Do: remove `tailscale = off`, or name the socket (tailscale = /PATH); or write the full name,\n"
		"NODE.TAILNET.ts.net, which DNS knows, but ten minutes late.\n"},
	[LINT_SERVER_ADDRESS] = {"server-address", "nothing can be reached at the server's address",
		"0.0.0.0 and :: mean `every address of this machine` to a listener and nothing to a client; Linux\n"
		"then connects to the machine itself. Multicast addresses and 255.255.255.255 take no TCP\n"
		"connection. A link-local IPv6 address (fe80::) leads nowhere without its interface (RFC 4007\n"
		"section 6). Every connection would end with why=connect-refused or why=error, and only then.\n"
		"Do: write the server's tailnet address or its full name; for a link-local one, add the\n"
		"interface: fe80::1%eth0.\n"},
	[LINT_SERVER_TWICE] = {"server-twice", "one server stands in a backend twice",
		"Of several servers of a backend the next is tried when the one before fails, or has said nothing\n"
		"for a quarter of a second. The same server twice is a second try at the same dead machine, and a\n"
		"second connection to a slow one. It is mostly a line that was copied and not changed.\n"
		"Do: name the other server, or drop the line.\n"},
	[LINT_SERVER_PORT] = {"server-port", "ports of different protocols all lead to one port of the server",
		"A server with a port of its own (`server = HOST:25`, or `backend = NAME:25`) gets every port of\n"
		"the listener there. With `ports = 25 465 993` a phone that opens 993 would be answered by SMTP,\n"
		"and a client of 465 would send a TLS hello to a server that waits to greet it: both hang until a\n"
		"timeout and show a message that names neither port. In a backend with several servers, one with\n"
		"a port and one without, it happens only while the first is down, when nobody looks for it.\n"
		"Do: leave the port away; then each port of the listener leads to the same port of the server.\n"
		"Where the server's ports differ, say so for each: `ports = 25>10025 465>10465`. Ports of one\n"
		"protocol may share a port: `ports = 587 2525` with `server = HOST:587` is fine.\n"},
	[LINT_PROTOCOL_MISMATCH] = {"protocol-mismatch", "a port leads to a port of another protocol",
		"This edge ends no TLS; it passes bytes. What is TLS in front must be TLS behind it: 443 leading\n"
		"to 8080, or 465 to 25, works where a web proxy stands in between, and never here. The client\n"
		"sends a TLS hello, the server answers `500 5.5.1` or `400 Bad Request`, and the client shows\n"
		"`wrong version number`. The other way round the server waits for a hello that never comes.\n"
		"Implicit TLS: 443, 465, 993, 995 (RFC 8314). In the clear or with STARTTLS: 25, 80, 110, 143,\n"
		"587, 4190. 8080 and 8443 are customs, not assignments: there it is a warning.\n"
		"Do: lead 465 to 465, 993 to 993, 443 to 443, and keep the certificates on the server. If TLS\n"
		"must end on this machine, lead 443 to a web server here.\n"},
	[LINT_PORT_25_ELSEWHERE] = {"port-25-elsewhere", "port 25 leads to another port, or a login port leads to 25",
		"Stalwart decides by the port of its own listener what a connection is: on 25 it is mail from\n"
		"strangers (no login asked; SPF, DMARC and a Received line), on every other port a user who must\n"
		"log in. So a 25>2025 makes it answer all mail from outside with `503 5.5.1 You must authenticate\n"
		"first.` (seen with v0.16.18), and 587>25 treats your own users as strangers, who may not send to\n"
		"others. The sender's server takes 503 for a final answer: the mail is returned, not tried again.\n"
		"A server that has one service for each port is fine, as Postfix with a second smtpd for PROXY\n"
		"(`10025 inet ... smtpd -o smtpd_upstream_proxy_protocol=haproxy`): then this warning is not for\n"
		"you.\n"
		"Do: lead 25 to 25 and 587 to 587; if the server cannot listen there, change its expressions that\n"
		"ask for local_port.\n"},
	[LINT_ADDRESS_TWICE] = {"address-twice", "two listeners have one address and port",
		"Linux allows it: listening sockets of one user with SO_REUSEPORT share a port, and each\n"
		"connection goes to one of them by chance. Half the connections would get the rules and the\n"
		"backend of one section, half those of the other: a fault that comes and goes. caddy-l4 accepts\n"
		"such a file without a word. 0.0.0.0 and 192.0.2.1 on one port are no twins: the more exact\n"
		"address wins.\n"
		"Do: give the port to one of the listeners, or a `bind` of its own to each.\n"},
	[LINT_OWN_LISTENER] = {"own-listener", "a server is a listener of this very edge",
		"A listener on 0.0.0.0:25 owns 127.0.0.1:25 as well. A backend with `server = 127.0.0.1` on that\n"
		"port leads back into the listener: each connection opens the next one until the flow limit is\n"
		"reached, and the first client waits for a greeting that nobody sends. Whoever moves an edge onto\n"
		"the machine where the mail server already runs meets this.\n"
		"Do: let the server listen on another port of 127.0.0.1 and lead there, or give the listener a\n"
		"`bind` with the public address and the server another one.\n"},
	[LINT_PROXY_OFF_25] = {"proxy-off-25", "mail from the internet reaches the server without the client's address",
		"Without a PROXY header the server sees this edge as every sender. SPF then fails, or passes for\n"
		"all; blocklists, greylisting, reputation and rate limits judge one address that all mail shares.\n"
		"Stalwart bans that address after 30 bad commands or 35 unknown recipients a day, for ever: from\n"
		"then on no mail arrives, and senders see a connection that closes without a word (stalwart#1922,\n"
		"#2158, #2919). A server that trusts its neighbours' addresses (Postfix: mynetworks) relays for\n"
		"the whole world. It is an error on an address that the internet reaches, a warning on a private\n"
		"one, which may be behind NAT, and nothing on a tailnet address.\n"
		"Do: send-proxy = v2, and let the server expect the header from this edge only (README, `Use\n"
		"it`). A server that cannot read it (Exchange) needs something in front of it that can, such as\n"
		"Postfix.\n"},
	[LINT_PROXY_OFF_LOGIN] = {"proxy-off-login", "logins from the internet reach the server without the client's address",
		"Somebody guesses passwords on every open 587 and 993. A server that bans the guesser by address\n"
		"bans this edge instead, because it sees no other: Stalwart after 100 wrong passwords a day, and\n"
		"with it all users (stalwart#2919, #1532, #3190); fail2ban behind a proxy is no better\n"
		"(docker-mailserver#2927). Its default of 5 SMTP connections a second for one address is shared\n"
		"by everybody, too.\n"
		"Do: send-proxy = v2, and let these listeners of the server expect the header. If the server\n"
		"cannot, switch its bans off for the edge's address and set the limits for each source here.\n"},
	[LINT_PROXY_DISAGREES] = {"proxy-disagrees", "one port of a server is sent a PROXY header by one backend and none by another",
		"A listening port expects the header or it does not: nobody may leave that open, or any client\n"
		"could claim any address. So one of the two is wrong. A server that expects a header and gets\n"
		"none says nothing and waits (Stalwart: for ever; Postfix: 5 s), one that gets an unexpected\n"
		"header takes it for a command: `500 5.5.1 Invalid command` three times, and a ban of this edge\n"
		"after some connections (stalwart#689, #774, #371). A server may tell edges apart by address, but\n"
		"both backends come from this one.\n"
		"Do: give both the same send-proxy, or let the server have a second port without the header.\n"},
	[LINT_LOOPBACK_RELAY] = {"loopback-relay", "the internet would reach a mail server that takes it for its own machine",
		"A mail server on this machine, reached over 127.0.0.1 without a PROXY header, takes every client\n"
		"for a local program. Postfix counts 127.0.0.0/8 to mynetworks and lets mynetworks send anywhere\n"
		"without a login: an open relay. The same happened again and again to mail servers in containers,\n"
		"whose proxy gave IPv6 clients the bridge's address, which was trusted (docker-mailserver#1405,\n"
		"Mailu#1235, mailcow#5242).\n"
		"Do: send-proxy = v2, and let the server expect the header (Postfix:\n"
		"smtpd_upstream_proxy_protocol = haproxy); then it judges the client's own address.\n"},
	[LINT_PUBLIC_SMARTHOST] = {"public-smarthost", "a way out for mail stands open to the internet",
		"This listener is public, but leads to a server that is neither here nor on the tailnet, without\n"
		"a PROXY header: the shape of a smarthost, through which your own server sends because its\n"
		"provider blocks 25 and 587. Relays often let a customer in by address, and the address they see\n"
		"is this edge's. Then everybody who finds the port sends in your name. The first deployment of\n"
		"this edge leads 587 of its tailnet address to the relay, and nothing of its public one.\n"
		"Do: bind the listener to the tailnet address (`bind = 100.x.y.z`, and the fd7a: one), where only\n"
		"your machines reach it. If the server is your own mail server under a public name, use\n"
		"send-proxy = v2.\n"},
	[LINT_HTTP_BANS_EDGE] = {"http-bans-edge", "one web scanner can make the server ban this edge",
		"The web ports lead without a PROXY header to a server that takes mail, too. Every web client has\n"
		"this edge's address there. Stalwart bans an address that asks for a path only scanners ask for\n"
		"(/wp-admin and its like), for ever: one GET, and 80, 443 and 8080 are closed to everybody\n"
		"without a byte, ACME renewal and JMAP included; PROXY LOCAL, which health checks send, as well.\n"
		"Mail with a header goes on, mail without one stops (seen with v0.16.18). Trust for each listener\n"
		"does not protect: only the global setting puts the edge on the allow-list, and that one makes\n"
		"the web listeners demand a header.\n"
		"Do: send-proxy = v2 for the web as well, with trust in the server's web listeners; or allow the\n"
		"edge's address in Stalwart (x:AllowedIp, then a restart): web clients are never banned then.\n"
		"This warning cannot see that you did. To undo a ban: destroy its x:BlockedIp and run the action\n"
		"ReloadBlockedIps.\n"},
	[LINT_ONE_FAMILY] = {"one-family", "a public listener has addresses of one family only",
		"If the name that leads here has A and AAAA records, clients try the family that nobody listens\n"
		"on: those that fall back are late, the others do not come. If something else takes that family,\n"
		"such as Docker's proxy, clients arrive with the bridge's address: SPF fails for Gmail's IPv6\n"
		"senders (stalwart#511), and a server that trusts the bridge is an open relay\n"
		"(docker-mailserver#1405). This check asks no DNS: it cannot see whether the record is there.\n"
		"Do: listen on both (the default: leave `bind` away, or name an address of each), or see that the\n"
		"name has no AAAA (for IPv4 only) or no A record (for IPv6 only; then most of the world cannot\n"
		"send you mail).\n"},
	[LINT_IDLE_IMAP] = {"idle-imap", "IMAP is cut before a client in IDLE speaks",
		"A mail program in IDLE says nothing for up to 29 minutes (RFC 2177), and a server must give it\n"
		"at least 30 (RFC 9051 section 5.4). An edge that cuts earlier is not noticed as such: new mail\n"
		"arrives late, phones lose their battery to reconnects, and each reconnect is a login. nginx's\n"
		"default of 10 minutes does it to everybody. An idle IMAP connection costs this edge no buffer\n"
		"and no pipe, and keepalive finds dead ones in 90 s.\n"
		"Do: leave idle away (the profile has 35m), or give it at least 30m. Port 143 and 993 in a\n"
		"listener of their own have an idle of their own.\n"},
	[LINT_IDLE_SMTP] = {"idle-smtp", "SMTP is cut while a server may still be at work",
		"SMTP allows 5 minutes between commands, and 10 for the answer to a whole mail, while it is\n"
		"scanned and stored (RFC 5321 section 4.5.3.2). An edge that cuts in that silence leaves the\n"
		"sender without an answer to a mail that was taken: he sends it again, and it arrives twice, or\n"
		"every half hour (RFC 1047).\n"
		"Do: leave idle away (the profile has 10m). Slow strangers are the server's to end, it knows\n"
		"where they are in the dialogue; dead ones are found by keepalive.\n"},
	[LINT_HALF_CLOSED_IDLE] = {"half-closed-idle", "half-closed is longer than idle and has no effect",
		"After one side ended, a flow ends when nothing moved for half-closed or for idle, whichever is\n"
		"shorter. A longer half-closed is never reached; whoever wrote it expects half-ended transfers to\n"
		"live longer than they do.\n"
		"Do: shorten half-closed (the profiles have 1m), or raise idle.\n"},
	[LINT_CONNECT_PATIENCE] = {"connect-patience", "clients give up before the last server is tried",
		"Servers are tried side by side, four at a time, each for connect-timeout, while the client hears\n"
		"nothing: over the edge it is connected already. A sending server waits 5 minutes for the greeting\n"
		"(RFC 5321 section 4.5.3.2.1), people and their programs less than one. Servers that come after\n"
		"that time are never tried for anybody.\n"
		"Do: shorten connect-timeout; over a tailnet a living server answers within a second, 5s is the\n"
		"default.\n"},
	[LINT_HEAD_GREETING] = {"head-greeting", "a mail server that greets late would be cut off",
		"Servers let strangers wait on purpose: a machine that sends spam does not, and betrays itself by\n"
		"talking first. Postfix's postscreen takes 6 s, others more, and all look up the client in DNS\n"
		"before they greet. Senders wait 5 minutes (RFC 5321 section 4.5.3.2.1). In a backend, `head` ends\n"
		"such a flow with why=head-timeout, and the sender comes again, only to meet the same.\n"
		"In [defaults] `head` is both: for clients, in [listen NAME], and for greetings.\n"
		"Do: at least 10s in the backends of port 25 and 587; or leave it away: then `idle` decides.\n"},
	[LINT_FAREWELL_UNSPOKEN] = {"farewell-unspoken", "on-down = smtp-421 where no SMTP is spoken in the clear",
		"`421 4.3.2` is a word of SMTP. A sending server that is greeted with it tries again later; one that\n"
		"is reset does the same, but some count it as a sign of a blocked or broken host. A client on 465,\n"
		"993 or 443 waits for TLS and would take the 421 for garbage, so there, as on every other port, the\n"
		"connection is reset.\n"
		"Do: use smtp-421 for backends of port 25 and 587; elsewhere `hold 20s` (the client waits for the\n"
		"server to come back) or reset. A listener on an unusual port says profile = smtp.\n"},
	[LINT_BACKUP_UNCHECKED] = {"backup-unchecked", "a backup server, and nothing that finds the others down",
		"A backup gets flows only while no other server of its backend can be used: all are down, drained or\n"
		"in maintenance. What is down is found by checks alone. With check = off a server that refuses every\n"
		"connection stays the only one that is tried, and the backup beside it waits for ever.\n"
		"Do: set check = smtp, imap, tls or tcp. If both servers may get flows, leave `backup` away: with\n"
		"balance = first the second is tried when the first does not answer, checked or not. If only the\n"
		"operator shall switch (`tailsplice maint BACKEND/SERVER`), this warning is not for you.\n"},
	[LINT_CHECK_PROTOCOL] = {"check-protocol", "a check asks a port in a protocol that is not spoken there",
		"Checks connect to check-port, else to the server's own port, else to one that a listener leads\n"
		"to. On 465 and 993 TLS begins at once: check = smtp or imap would wait there for a greeting in\n"
		"the clear and find the server down at its first check, and no client would get through.\n"
		"check = tls wants a ServerHello, which 25 and 143 never send unasked.\n"
		"Do: set check-port to 25 (smtp) or 143 (imap), or check = tls where TLS begins at once.\n"
		"`tailsplice probe` says what each port really answers.\n"},
	[LINT_PRIVILEGED_PORT] = {"privileged-port", "a port needs a right that this user does not have",
		"Ports below net.ipv4.ip_unprivileged_port_start (1024 unless changed) are bound by root or with\n"
		"CAP_NET_BIND_SERVICE. Without it `run` ends with status 2 and `cannot listen`. It is a warning,\n"
		"because `check` may run as another user than the service.\n"
		"Do: start as root with `user = NAME` in [global]; or give the unit\n"
		"AmbientCapabilities=CAP_NET_BIND_SERVICE; or `setcap cap_net_bind_service=ep` on the program\n"
		"(lost when it is replaced); or sockets from systemd. In a container: --cap-add NET_BIND_SERVICE,\n"
		"or --sysctl net.ipv4.ip_unprivileged_port_start=25.\n"},
	[LINT_MAX_FLOWS_LIMIT] = {"max-flows-limit", "max-flows is more than the descriptor limit allows",
		"A flow has two descriptors, and one pipe or two while bytes are stuck. With max-flows above what\n"
		"RLIMIT_NOFILE gives, the limit you wrote is never reached: accept(2) fails first, listeners\n"
		"pause, and clients wait in the kernel's queue. It is no danger here (caddy-l4 closes the port\n"
		"for good in that case), but it is not what the file says. The limit is that of the process which\n"
		"checks; the service may have another.\n"
		"Do: LimitNOFILE= in the unit, --ulimit nofile= in a container, `ulimit -Hn` in a shell; or\n"
		"max-flows = auto.\n"},
	[LINT_PUBLIC_METRICS] = {"public-metrics", "anybody can read the counters",
		"metrics is plain HTTP without a password. On an address that the internet reaches, it tells\n"
		"everybody which servers there are, how much mail moves, and what is refused and why; it changes\n"
		"nothing, but it helps whoever looks for a weak hour.\n"
		"Do: metrics = 127.0.0.1:9464 and an agent on this machine; or the edge's tailnet address, where\n"
		"Prometheus reaches it and strangers do not.\n"},
	[LINT_ROUTE_SERVER_FIRST] = {"route-server-first", "a rule waits for the client where the server speaks first",
		"On 25, 587, 143, 110 and 4190 the server greets, and the client says nothing before. A route that\n"
		"looks at the client's first bytes, `expect` or `first-byte` would wait there for bytes that never\n"
		"come while the client waits for a greeting that never comes: every connection would hang until\n"
		"`head` is over. caddy-l4 cuts such clients after 3 s, HAProxy's inspect-delay delays each banner.\n"
		"The name a client wants is not known on those ports before STARTTLS, and then it is encrypted to\n"
		"this edge. What can be chosen by there is the port, the address and `source:`.\n"
		"Do: take the route, expect or first-byte off these ports; a listener of their own for 443, 465 and\n"
		"993 may have it. If a protocol in which the client speaks first runs on such a port number of your\n"
		"choice, say so: profile = raw.\n"},
	[LINT_ROUTE_UNREACHABLE] = {"route-unreachable", "no client ever reaches a route",
		"Routes are tried in their order, and the first that fits holds. Every client that fits this one\n"
		"fits one before it (`any`, or `sni:*.example.org` before `sni:mail.example.org`), or it asks for\n"
		"what no client is: two names at once, TLS and plain HTTP at once. Whoever wrote it expects its\n"
		"backend to get clients, and they go elsewhere.\n"
		"Do: put the narrower route first, and `any` last; drop what cannot be.\n"},
	[LINT_ROUTE_NO_ANY] = {"route-no-any", "clients that fit no route are reset",
		"Without a last `route = any -> NAME` (or `backend = NAME`, which means the same) a client that\n"
		"fits no route is reset with why=no-route: one that names no server (no SNI: old clients, some\n"
		"monitors, whoever types the address), one that is slow or sends something else. That may be what\n"
		"you want: scanners get nothing. It is a warning because a forgotten name looks the same.\n"
		"Do: add `route = any -> NAME`; or leave it, and see no-route in `tailsplice status`.\n"},
	[LINT_PROXY_TLV_VERSION] = {"proxy-tlv-version", "proxy-tlv without send-proxy = v2",
		"Only version 2 of the PROXY protocol has room for more than the addresses. With v1 or no header\n"
		"nothing of proxy-tlv would ever be sent.\n"
		"Do: send-proxy = v2, which Stalwart, Postfix, Dovecot, nginx and HAProxy understand; or drop it.\n"},
	[LINT_ACCEPT_PROXY_ALL] = {"accept-proxy-all", "strangers may say who they are",
		"Whoever is in accept-proxy names the client, and the server behind believes it: SPF, bans, limits\n"
		"and logs all go by that name. With 0.0.0.0/0 or ::/0 on a public address every spammer is whom he\n"
		"likes, also 127.0.0.1, which many servers let send without a login.\n"
		"Do: name the proxies, by address or by their network.\n"},
	[LINT_DEVICE_ANY] = {"device-any", "tailnet addresses may leave by the public interface",
		"The route to 100.64.0.0/10 is tailscaled's. When it stops, or its node is deleted, that route is\n"
		"gone and the default route takes those addresses: a SYN, then a PROXY header, then mail leave\n"
		"for the internet in clear text, and whoever answers there is taken for the mail server.\n"
		"Do: leave device = auto, which dials tailnet addresses only through the tailnet's interface, or\n"
		"name the interface where auto cannot know it (a router container in between: device = eth1).\n"},
	[LINT_SOURCE_FAMILY] = {"source-family", "a server's address is of a family that has no source",
		"With `source`, connections leave from that address and no other. An IPv4 source cannot reach an\n"
		"IPv6 address, so such a server is never dialled.\n"
		"Do: source = 192.0.2.1 2001:db8::1 (one of each family), or leave source out.\n"},
	[LINT_VIA_PUBLIC] = {"via-public", "the proxy is somewhere on the internet",
		"SOCKS5 encrypts nothing (RFC 1928): between this edge and the proxy everybody on the way reads the\n"
		"mail and the login of the proxy. It is meant for a tailscaled on the same machine.\n"
		"Do: via = socks5://127.0.0.1:1055, with tailscaled --socks5-server=localhost:1055 beside the edge.\n"},
};

/* clang-format on */

const struct lint_story *lint_story(enum lint_code code)
{
	return &stories[code];
}

enum lint_code lint_story_find(const char *code)
{
	enum lint_code i = 0;

	while (i < LINT_COUNT && strcmp(stories[i].code, code) != 0)
		i++;
	return i;
}

enum lint_code lint_story_nearest(const char *code)
{
	struct nearest n;

	nearest_start(&n, code);
	for (enum lint_code i = 0; i < LINT_COUNT; i++)
		nearest_try(&n, stories[i].code);
	return n.best ? lint_story_find(n.best) : LINT_COUNT;
}
