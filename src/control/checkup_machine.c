#include "control/checkup_rows.h"

/* The oldest that is tested (tests/kernels). */
#define KERNEL_MAJOR 6
#define KERNEL_MINOR 1

/* A pipe has 16 pages (pipe(7)); a bulk stream holds two. */
#define PIPE_PAGES   16
#define PIPES_ENOUGH 256
#define FLOWS_ENOUGH 1000
#define PORTS_ENOUGH 10000

void check_kernel(const struct facts *f, struct checkup *c)
{
	if (f->major > KERNEL_MAJOR || (f->major == KERNEL_MAJOR && f->minor >= KERNEL_MINOR))
		checkup_say(c, CHECKUP_OK, "", "", "%s", f->release);
	else
		checkup_say(
			c, CHECKUP_FAIL,
			"The edge may not start, or may lose connections: nobody has tried it here.",
			"Boot a kernel of 6.1 or newer (Debian 12 and later have one).",
			"%s is older than 6.1, the oldest that is tested", f->release);
}

void check_ring(const struct facts *f, struct checkup *c)
{
	if (f->ring_error)
		checkup_say(c, CHECKUP_FAIL,
			    "The edge does not start: every connection goes through io_uring.",
			    "As the line says; then run doctor again.", "%s", f->ring);
	else
		checkup_say(c, CHECKUP_OK, "", "", "allowed%s: %s",
			    f->filtered ? ", by a seccomp filter, too" : "", f->ring);
}

void check_paths(const struct facts *f, struct checkup *c)
{
	for (size_t i = 0; i < f->npaths; i++) {
		const struct fact_path *p = &f->paths[i];

		if (p->usable)
			checkup_say(c, CHECKUP_OK, "", "", "%s is usable", p->name);
		else if (p->wanted)
			checkup_say(
				c, CHECKUP_FAIL,
				"A listener names this path: its flows cannot be moved that way.",
				"Give what is missing, or write path = auto.",
				"%s is not usable: %s", p->name, p->missing);
		else
			checkup_say(c, CHECKUP_OK, "", "",
				    "%s is not usable, and no listener wants it: %s", p->name,
				    p->missing);
	}
}

void check_descriptors(const struct facts *f, struct checkup *c)
{
	if (f->max_flows >= FLOWS_ENOUGH)
		checkup_say(c, CHECKUP_OK, "", "", "RLIMIT_NOFILE %zu: %zu connections at a time",
			    f->nofile, f->max_flows);
	else
		checkup_say(
			c, f->max_flows ? CHECKUP_WARN : CHECKUP_FAIL,
			"Further clients wait until a connection ends; each IMAP client keeps several open all day.",
			"Raise the hard limit: LimitNOFILE=65536 in the unit, ulimit -Hn, or --ulimit nofile of the container.",
			"RLIMIT_NOFILE %zu: only %zu connections at a time", f->nofile,
			f->max_flows);
}

void check_pipes(const struct facts *f, struct checkup *c)
{
	size_t pipes = f->pipe_pages / PIPE_PAGES;

	if (f->pipes_unlimited || !f->pipe_pages)
		checkup_say(c, CHECKUP_OK, "", "", "no limit for this user");
	else if (pipes >= PIPES_ENOUGH)
		checkup_say(c, CHECKUP_OK, "", "", "fs.pipe-user-pages-soft %zu: %zu of full size",
			    f->pipe_pages, pipes);
	else
		checkup_say(
			c, CHECKUP_WARN,
			"Large mails are copied instead of spliced once these are in use: slower, nothing is lost.",
			"sysctl fs.pipe-user-pages-soft=16384",
			"fs.pipe-user-pages-soft %zu: only %zu of full size", f->pipe_pages, pipes);
}

void check_ports(const struct facts *f, struct checkup *c)
{
	unsigned count = f->port_last >= f->port_first ? f->port_last - f->port_first + 1 : 0;

	if (count >= PORTS_ENOUGH)
		checkup_say(c, CHECKUP_OK, "", "",
			    "%u to %u: %u connections to one port of a server", f->port_first,
			    f->port_last, count);
	else
		checkup_say(
			c, CHECKUP_WARN,
			"When all are in use, new connections to that server fail (why=no-address).",
			"sysctl net.ipv4.ip_local_port_range=\"10240 65535\"",
			"%u to %u: only %u connections to one port of a server", f->port_first,
			f->port_last, count);
}

void check_clock(const struct facts *f, struct checkup *c)
{
	if (f->clock_synchronised)
		checkup_say(c, CHECKUP_OK, "", "", "synchronised");
	else
		checkup_say(
			c, CHECKUP_WARN,
			"Lines of this log and of the mail server's cannot be laid side by side; a clock that is far off also "
			"breaks the tailnet's keys.",
			"timedatectl set-ntp true, or install chrony; in a container the host's clock counts.",
			"the kernel does not know of anything that keeps it right (adjtimex: unsynchronised)");
}
