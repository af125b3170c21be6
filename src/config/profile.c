#include "config/profile.h"

#define SECONDS(n) ((msec_t)(n)*1000)
#define MINUTES(n) SECONDS(60 * (n))
#define HOURS(n)   MINUTES(60 * (n))

static const struct {
	const char *name;
	msec_t idle, half_closed;
	/* A client that stops reading is ended by the user timeout too (a phone asleep, a paused
	 * download), so it is longer where people wait than between servers. */
	msec_t client_user_timeout;
	uint16_t ports[6];
} profiles[] = {
	/* RFC 5321 4.5.3.2: a server waits 5 minutes for a command, a client 10 for the last reply. */
	[PROFILE_SMTP] = { "smtp", MINUTES(10), MINUTES(1), MINUTES(5), { 25, 465, 587, 2525 } },
	/* RFC 2177: a client in IDLE speaks every 29 minutes; servers allow 30. */
	[PROFILE_IMAP] = { "imap",
			   MINUTES(35),
			   MINUTES(1),
			   MINUTES(5),
			   { 143, 993, 110, 995, 4190 } },
	[PROFILE_HTTP] = { "http", HOURS(1), MINUTES(1), MINUTES(15), { 80, 8080 } },
	[PROFILE_HTTPS] = { "https", HOURS(1), MINUTES(1), MINUTES(15), { 443, 8443 } },
	[PROFILE_RAW] = { "raw", HOURS(1), MINUTES(1), MINUTES(15), { 0 } },
};

/* A dead peer is noticed within 90 s of silence: after 30 s, then two probes 15 s apart
 * unanswered until the user timeout, which takes the place of the count of probes (tcp(7)). */
#define KEEPALIVE	    SECONDS(30)
#define SERVER_USER_TIMEOUT SECONDS(90)

enum profile profile_of(enum profile given, uint16_t port)
{
	if (given != PROFILE_AUTO)
		return given;
	for (size_t p = PROFILE_SMTP; p < ARRAY_LEN(profiles); p++)
		for (size_t i = 0; i < ARRAY_LEN(profiles[p].ports); i++)
			if (profiles[p].ports[i] == port)
				return (enum profile)p;
	return PROFILE_RAW;
}

const char *profile_name(enum profile p)
{
	return p == PROFILE_AUTO ? "auto" : profiles[p].name;
}

bool profile_ends_idle(enum profile p)
{
	return p == PROFILE_IMAP || p == PROFILE_HTTP || p == PROFILE_HTTPS;
}

static msec_t first_of(msec_t a, msec_t b, msec_t c)
{
	return a ? a : b ? b : c;
}

static struct timeouts resolve(enum profile p, const struct timeouts *own,
			       const struct timeouts *other, msec_t user_timeout)
{
	return (struct timeouts){
		.idle = first_of(own->idle, other->idle, profiles[p].idle),
		.half_closed =
			first_of(own->half_closed, other->half_closed, profiles[p].half_closed),
		.keepalive = first_of(own->keepalive, 0, KEEPALIVE),
		.user_timeout = first_of(own->user_timeout, 0, user_timeout),
	};
}

struct timeouts profile_client_timeouts(enum profile p, const struct timeouts *own,
					const struct timeouts *other)
{
	return resolve(p, own, other, profiles[p].client_user_timeout);
}

struct timeouts profile_server_timeouts(enum profile p, const struct timeouts *own,
					const struct timeouts *other)
{
	return resolve(p, own, other, SERVER_USER_TIMEOUT);
}
