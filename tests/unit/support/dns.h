/* dns - a DNS server on a port of 127.0.0.1 that says what the test wrote down, or misbehaves as told. What is longer
 * than a datagram may be goes over TCP. */
#ifndef TAILSPLICE_TESTS_DNS_H
#define TAILSPLICE_TESTS_DNS_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>

#define DNS_A	  1
#define DNS_CNAME 5
#define DNS_AAAA  28

struct dns_record {
	const char *name;
	uint16_t type;
	uint32_t ttl;
	const char *data; /* an address or a name */
};

enum dns_manner {
	DNS_HONEST,
	DNS_SILENT,
	DNS_DEAF,	  /* to questions for IPv6 */
	DNS_JUNK,	  /* answers with bytes that are no message */
	DNS_CUT,	  /* answers with the first half of a message */
	DNS_OTHER_ID,	  /* answers another question */
	DNS_OTHER_ANSWER, /* the records of the answer belong to another name */
	DNS_SERVFAIL,
	DNS_REFUSED,
};

struct dns_server {
	char at[32]; /* "127.0.0.1:PORT" */
	atomic_uint questions;
	/* The rest is its own. */
	pthread_t thread;
	pthread_mutex_t lock;
	int fd, tcp, stop[2];
	enum dns_manner manner;
	const struct dns_record *records;
	size_t count;
};

void dns_start(struct dns_server *d);

/* From now on it has those records (lent) and that manner. A name without any record does not exist. */
void dns_say(struct dns_server *d, enum dns_manner manner, const struct dns_record *records,
	     size_t count);
void dns_stop(struct dns_server *d);

#endif
