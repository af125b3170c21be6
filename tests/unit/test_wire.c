/* Ports and profiles: who speaks first. */
#include "config/wire.h"

#include "base/bits.h"
#include "check.h"

Test(wire, who_speaks_first)
{
	static const struct {
		uint16_t port;
		enum profile profile;
		enum wire_first first;
	} rows[] = {
		{ 25, PROFILE_SMTP, WIRE_SERVER_FIRST },
		{ 587, PROFILE_SMTP, WIRE_SERVER_FIRST },
		{ 143, PROFILE_IMAP, WIRE_SERVER_FIRST },
		{ 110, PROFILE_IMAP, WIRE_SERVER_FIRST },
		{ 4190, PROFILE_IMAP, WIRE_SERVER_FIRST },
		{ 465, PROFILE_SMTP, WIRE_CLIENT_FIRST },
		{ 993, PROFILE_IMAP, WIRE_CLIENT_FIRST },
		{ 995, PROFILE_IMAP, WIRE_CLIENT_FIRST },
		{ 443, PROFILE_HTTPS, WIRE_CLIENT_FIRST },
		{ 80, PROFILE_HTTP, WIRE_CLIENT_FIRST },
		{ 8443, PROFILE_HTTPS, WIRE_CLIENT_FIRST },
		{ 8443, PROFILE_RAW, WIRE_NOBODY_KNOWS },
		{ 2525, PROFILE_SMTP, WIRE_SERVER_FIRST },
		{ 25, PROFILE_RAW, WIRE_SERVER_FIRST },
		{ 1234, PROFILE_RAW, WIRE_NOBODY_KNOWS },
		{ 1234, PROFILE_SMTP, WIRE_SERVER_FIRST },
		{ 1234, PROFILE_IMAP, WIRE_SERVER_FIRST },
		{ 1234, PROFILE_HTTPS, WIRE_CLIENT_FIRST },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		cr_expect(wire_first(rows[i].profile, rows[i].port) == rows[i].first,
			  "port %u, profile %d", rows[i].port, rows[i].profile);
}

Test(wire, what_begins_with_tls)
{
	static const uint16_t tls[] = { 443, 465, 993, 995, 8443 },
			      none[] = { 25, 80, 110, 143, 587, 4190, 8080, 1 };

	for (size_t i = 0; i < ARRAY_LEN(tls); i++)
		cr_expect(wire_is_tls(wire_of(tls[i])), "%u", tls[i]);
	for (size_t i = 0; i < ARRAY_LEN(none); i++)
		cr_expect(!wire_is_tls(wire_of(none[i])), "%u", none[i]);
}
