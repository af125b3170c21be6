#include "config/wire.h"

#include "base/bits.h"

static const struct {
	uint16_t port;
	enum wire wire;
	bool custom;
} wires[] = {
	{ 25, WIRE_SMTP, false },   { 465, WIRE_SMTPS, false }, { 587, WIRE_SMTP, false },
	{ 2525, WIRE_SMTP, true },  { 143, WIRE_IMAP, false },	{ 993, WIRE_IMAPS, false },
	{ 110, WIRE_POP3, false },  { 995, WIRE_POP3S, false }, { 4190, WIRE_SIEVE, false },
	{ 80, WIRE_HTTP, false },   { 443, WIRE_HTTPS, false }, { 8080, WIRE_HTTP, true },
	{ 8443, WIRE_HTTPS, true },
};

static const char *const names[] = {
	[WIRE_OTHER] = "an unknown protocol",
	[WIRE_SMTP] = "SMTP",
	[WIRE_SMTPS] = "SMTP in TLS",
	[WIRE_IMAP] = "IMAP",
	[WIRE_IMAPS] = "IMAP in TLS",
	[WIRE_POP3] = "POP3",
	[WIRE_POP3S] = "POP3 in TLS",
	[WIRE_SIEVE] = "ManageSieve",
	[WIRE_HTTP] = "HTTP",
	[WIRE_HTTPS] = "HTTPS",
};

enum wire wire_of(uint16_t port)
{
	for (size_t i = 0; i < ARRAY_LEN(wires); i++)
		if (wires[i].port == port)
			return wires[i].wire;
	return WIRE_OTHER;
}

const char *wire_name(enum wire w)
{
	return names[w];
}

bool wire_is_web(enum wire w)
{
	return w == WIRE_HTTP || w == WIRE_HTTPS;
}

bool wire_is_mail(enum wire w)
{
	return w != WIRE_OTHER && !wire_is_web(w);
}

bool wire_greets_in_smtp(enum profile p, uint16_t port)
{
	return p == PROFILE_SMTP && wire_of(port) != WIRE_SMTPS;
}

bool wire_is_custom(uint16_t port)
{
	for (size_t i = 0; i < ARRAY_LEN(wires); i++)
		if (wires[i].port == port)
			return wires[i].custom;
	return true;
}

bool wire_is_tls(enum wire w)
{
	return w == WIRE_SMTPS || w == WIRE_IMAPS || w == WIRE_POP3S || w == WIRE_HTTPS;
}

enum wire_first wire_first(enum profile p, uint16_t port)
{
	enum wire w = wire_of(port);

	if (w != WIRE_OTHER && !(wire_is_custom(port) && p == PROFILE_RAW))
		return wire_is_tls(w) || w == WIRE_HTTP ? WIRE_CLIENT_FIRST : WIRE_SERVER_FIRST;
	if (p == PROFILE_HTTP || p == PROFILE_HTTPS)
		return WIRE_CLIENT_FIRST;
	return p == PROFILE_SMTP || p == PROFILE_IMAP ? WIRE_SERVER_FIRST : WIRE_NOBODY_KNOWS;
}
