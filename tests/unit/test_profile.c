/* Which timeouts a port gets when nobody said. */
#include "config/profile.h"

#include "check.h"

#define MINUTE ((msec_t)60000)
#define HOUR   (60 * MINUTE)

Test(profile, by_port)
{
	static const struct {
		uint16_t port;
		enum profile profile;
	} rows[] = {
		{ 25, PROFILE_SMTP },	{ 465, PROFILE_SMTP }, { 587, PROFILE_SMTP },
		{ 143, PROFILE_IMAP },	{ 993, PROFILE_IMAP }, { 80, PROFILE_HTTP },
		{ 443, PROFILE_HTTPS }, { 22, PROFILE_RAW },   { 1, PROFILE_RAW },
		{ 65535, PROFILE_RAW }, { 2526, PROFILE_RAW },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		expect_num(profile_of(PROFILE_AUTO, rows[i].port), rows[i].profile, "auto");
		expect_num(profile_of(PROFILE_HTTP, rows[i].port), PROFILE_HTTP, "given");
	}
}

Test(profile, names)
{
	static const char *const names[] = { "auto", "smtp", "imap", "http", "https", "raw" };

	for (unsigned p = PROFILE_AUTO; p <= PROFILE_RAW; p++)
		expect_str(profile_name((enum profile)p), names[p], "name");
}

/* The figures: SMTP 10 min, IMAP 35 min, HTTP(S) and raw 1 h. */
Test(profile, figures)
{
	static const struct {
		enum profile profile;
		msec_t idle;
	} rows[] = { { PROFILE_SMTP, 10 * MINUTE },
		     { PROFILE_IMAP, 35 * MINUTE },
		     { PROFILE_HTTP, HOUR },
		     { PROFILE_HTTPS, HOUR },
		     { PROFILE_RAW, HOUR } };
	const struct timeouts none = { 0 };

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const char *name = profile_name(rows[i].profile);
		struct timeouts c = profile_client_timeouts(rows[i].profile, &none, &none);
		struct timeouts s = profile_server_timeouts(rows[i].profile, &none, &none);

		expect_num(c.idle, rows[i].idle, name);
		expect_num(s.idle, rows[i].idle, name);
		cr_expect(c.half_closed && c.half_closed < c.idle, "%s", name);
		cr_expect(c.keepalive && s.keepalive, "%s", name);
		cr_expect(c.user_timeout >= s.user_timeout && s.user_timeout,
			  "%s: people wait longer than servers", name);
	}
}

Test(profile, precedence)
{
	const struct timeouts listen = { .idle = 1, .keepalive = 3 };
	const struct timeouts backend = { .idle = 5, .half_closed = 6, .user_timeout = 8 };
	struct timeouts c = profile_client_timeouts(PROFILE_SMTP, &listen, &backend);
	struct timeouts s = profile_server_timeouts(PROFILE_SMTP, &backend, &listen);
	const struct timeouts none = { 0 };
	struct timeouts p = profile_client_timeouts(PROFILE_SMTP, &none, &none);
	struct timeouts q = profile_server_timeouts(PROFILE_SMTP, &none, &none);

	expect_num(c.idle, 1, "own first");
	expect_num(s.idle, 5, "own first");
	expect_num(c.half_closed, 6, "then the other section's: it is of the flow");
	expect_num(s.half_closed, 6, "own");
	expect_num(c.keepalive, 3, "own");
	expect_num(s.keepalive, q.keepalive, "of the leg: the other's does not count");
	expect_num(c.user_timeout, p.user_timeout, "of the leg: the other's does not count");
	expect_num(s.user_timeout, 8, "own");
}
