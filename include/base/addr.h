/* addr - an IPv4 or IPv6 address with a port, as a plain value.
 * Nothing here resolves names. All functions may be called from any thread. */
#ifndef TAILSPLICE_BASE_ADDR_H
#define TAILSPLICE_BASE_ADDR_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

struct addr {
	union {
		struct sockaddr sa; /* sa.sa_family is AF_UNSPEC while nothing is known */
		struct sockaddr_in v4;
		struct sockaddr_in6 v6;
	};
};

/* Room for "[address%interface]:port" and its NUL. */
#define ADDR_TEXT 80

/* Reads a literal ("192.0.2.1", "2001:db8::1", "[2001:db8::1]", "fe80::1%eth0").
 * False, and *a unchanged, when `text` is not one. */
bool addr_parse(struct addr *a, const char *text, uint16_t port);

/* Copies what the kernel filled in. An unknown family becomes AF_UNSPEC. */
void addr_from_sockaddr(struct addr *a, const struct sockaddr *sa);

/* Of a socket's other end, and its own: an IPv4-mapped address as IPv4. False, and AF_UNSPEC, when it has none (any more). */
bool addr_of_peer(int fd, struct addr *a);
bool addr_of_socket(int fd, struct addr *a);

/* Bytes of the sockaddr inside, as bind(2) and connect(2) want them. */
socklen_t addr_len(const struct addr *a);

uint16_t addr_port(const struct addr *a);
void addr_set_port(struct addr *a, uint16_t port);
bool addr_equal(const struct addr *a, const struct addr *b);

/* 0.0.0.0 or ::, whatever the port. */
bool addr_is_any(const struct addr *a);

/* An IPv4-mapped IPv6 address (RFC 4291 2.5.5.2) becomes the IPv4 one it stands for. */
void addr_fold(struct addr *a);

/* "192.0.2.1:25", "[2001:db8::1]:25", "-" for AF_UNSPEC. Returns `out`. */
char *addr_format(const struct addr *a, char out[static ADDR_TEXT]);

/* The same without the port and without brackets. */
char *addr_format_host(const struct addr *a, char out[static ADDR_TEXT]);

#endif
