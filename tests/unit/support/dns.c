#include "dns.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "../check.h"
#include "fds.h"

/* RFC 1035 4.1. */
#define HEADER 12

/* What clients take in one datagram. */
#define DATAGRAM 1232

struct message {
	uint8_t bytes[4096];
	size_t len;
};

static void put(struct message *m, const void *bytes, size_t len)
{
	memcpy(m->bytes + m->len, bytes, len);
	m->len += len;
}

static void put16(struct message *m, unsigned n)
{
	put(m, (uint8_t[]){ (uint8_t)(n >> 8), (uint8_t)n }, 2);
}

static size_t write_name(uint8_t *out, const char *name)
{
	size_t used = 0;

	while (*name) {
		size_t len = strcspn(name, ".");

		out[used] = (uint8_t)len;
		memcpy(out + used + 1, name, len);
		used += 1 + len;
		name += len + (name[len] == '.');
	}
	out[used] = 0;
	return used + 1;
}

static void put_name(struct message *m, const char *name)
{
	m->len += write_name(m->bytes + m->len, name);
}

static void put_record(struct message *m, const struct dns_record *r, const char *name)
{
	uint8_t data[300];
	struct addr a;
	size_t len;

	if (r->type == DNS_CNAME) {
		len = write_name(data, r->data);
	} else {
		cr_assert(addr_parse(&a, r->data, 0), "%s", r->data);
		len = r->type == DNS_A ? 4 : 16;
		memcpy(data, len == 4 ? (void *)&a.v4.sin_addr : &a.v6.sin6_addr, len);
	}
	put_name(m, name);
	put16(m, r->type);
	put16(m, 1);
	put16(m, r->ttl >> 16);
	put16(m, r->ttl);
	put16(m, (unsigned)len);
	put(m, data, len);
	m->bytes[7]++;
}

static const struct dns_record *find(const struct dns_server *d, const char *name, unsigned type)
{
	for (size_t i = 0; i < d->count; i++)
		if (strcasecmp(d->records[i].name, name) == 0 &&
		    (!type || d->records[i].type == type))
			return &d->records[i];
	return NULL;
}

/* The chain of aliases, and what is at its end; false: there is no such name. */
static bool put_answers(const struct dns_server *d, struct message *m, const char *name,
			unsigned type)
{
	const struct dns_record *alias;
	bool exists = find(d, name, 0);

	for (int i = 0; i < 8 && (alias = find(d, name, DNS_CNAME)); i++) {
		put_record(m, alias, name);
		name = alias->data;
	}
	for (size_t i = 0; i < d->count; i++)
		if (d->records[i].type == type && strcasecmp(d->records[i].name, name) == 0)
			put_record(m, &d->records[i],
				   d->manner == DNS_OTHER_ANSWER ? "other.example.net" : name);
	return exists;
}

static size_t read_name(const uint8_t *at, char *out)
{
	size_t used = 0;

	*out = '\0';
	while (at[used]) {
		sprintf(out + strlen(out), "%s%.*s", *out ? "." : "", at[used], at + used + 1);
		used += 1u + at[used];
	}
	return used + 1;
}

static unsigned read_question(const struct message *q, char *name)
{
	size_t end = HEADER + read_name(q->bytes + HEADER, name);

	return (unsigned)q->bytes[end] << 8 | q->bytes[end + 1];
}

static bool keeps_silent(const struct dns_server *d, const struct message *q)
{
	char name[300];

	return d->manner == DNS_SILENT ||
	       (d->manner == DNS_DEAF && read_question(q, name) == DNS_AAAA);
}

static void answer(const struct dns_server *d, const struct message *q, struct message *m)
{
	char name[300];
	unsigned type = read_question(q, name);
	size_t end = HEADER + strlen((const char *)q->bytes + HEADER) + 1;

	m->len = 0;
	put(m, q->bytes, end + 4);
	/* A response, recursion available; one question, nothing else yet. */
	m->bytes[2] |= 0x80;
	m->bytes[3] = 0x80;
	memset(m->bytes + 6, 0, 6);
	if (d->manner == DNS_OTHER_ID)
		m->bytes[0] ^= 0x55;
	if (d->manner == DNS_SERVFAIL)
		m->bytes[3] |= 2;
	else if (d->manner == DNS_REFUSED)
		m->bytes[3] |= 5;
	else if (!put_answers(d, m, name, type))
		m->bytes[3] |= 3;
	if (d->manner == DNS_CUT)
		m->len = m->len / 2;
	if (d->manner == DNS_JUNK)
		memset(m->bytes + 2, 0xff, m->len - 2);
}

static void serve_datagram(struct dns_server *d)
{
	struct message q, m;
	struct addr from;
	socklen_t len = sizeof(from.v6);

	if (recvfrom(d->fd, q.bytes, sizeof(q.bytes), 0, &from.sa, &len) < HEADER)
		return;
	atomic_fetch_add(&d->questions, 1);
	answer(d, &q, &m);
	if (m.len > DATAGRAM) {
		/* The question alone, marked as truncated. */
		memset(m.bytes + 6, 0, 6);
		m.bytes[2] |= 2;
		m.len = HEADER + strlen((char *)m.bytes + HEADER) + 5;
	}
	if (!keeps_silent(d, &q))
		sendto(d->fd, m.bytes, m.len, 0, &from.sa, len);
}

static void serve_stream(struct dns_server *d)
{
	int fd = accept(d->tcp, NULL, NULL), error;
	struct message q, m = { .len = 0 };
	uint8_t len[2];

	if (fd_read_all(fd, len, 2, &error) == 2 &&
	    fd_read_all(fd, q.bytes, (size_t)len[0] << 8 | len[1], &error) >= HEADER) {
		answer(d, &q, &m);
		len[0] = (uint8_t)(m.len >> 8);
		len[1] = (uint8_t)m.len;
		(void)!write(fd, len, 2);
		(void)!write(fd, m.bytes, m.len);
	}
	close(fd);
}

static void *run(void *arg)
{
	struct dns_server *d = arg;
	struct pollfd fds[] = { { .fd = d->fd, .events = POLLIN },
				{ .fd = d->tcp, .events = POLLIN },
				{ .fd = d->stop[0], .events = POLLIN } };

	while (poll(fds, 3, -1) >= 0 && !fds[2].revents) {
		pthread_mutex_lock(&d->lock);
		if (fds[0].revents)
			serve_datagram(d);
		if (fds[1].revents)
			serve_stream(d);
		pthread_mutex_unlock(&d->lock);
	}
	return NULL;
}

void dns_start(struct dns_server *d)
{
	struct addr at;

	*d = (struct dns_server){ .tcp = tcp_listen(AF_INET, 8, &at) };
	d->fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	cr_assert(bind(d->fd, &at.sa, addr_len(&at)) == 0);
	snprintf(d->at, sizeof(d->at), "127.0.0.1:%u", addr_port(&at));
	pthread_mutex_init(&d->lock, NULL);
	cr_assert(pipe(d->stop) == 0);
	cr_assert(pthread_create(&d->thread, NULL, run, d) == 0);
}

void dns_say(struct dns_server *d, enum dns_manner manner, const struct dns_record *records,
	     size_t count)
{
	pthread_mutex_lock(&d->lock);
	d->manner = manner;
	d->records = records;
	d->count = count;
	pthread_mutex_unlock(&d->lock);
}

void dns_stop(struct dns_server *d)
{
	close(d->stop[1]);
	pthread_join(d->thread, NULL);
	close(d->stop[0]);
	close(d->fd);
	close(d->tcp);
	pthread_mutex_destroy(&d->lock);
}
