#include "edge/bindings.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "backend/leg_options.h"
#include "base/memory.h"
#include "config/keys.h"
#include "config/reach.h"
#include "edge/listener.h"
#include "engine/timer.h"

/* A socket that was let go may stay bound so long, in milliseconds: LEAVE_AFTER of listener.c, and some. */
#define GONE_AFTER 5000

static bool overlaps(const struct addr *a, const struct addr *b)
{
	return a->sa.sa_family == b->sa.sa_family && addr_port(a) == addr_port(b) &&
	       (addr_equal(a, b) || addr_is_any(a) || addr_is_any(b));
}

static const struct binding *find_held(const struct bindings *b, const struct addr *at)
{
	for (size_t i = 0; i < b->count; i++)
		if (!b->at[i].left && addr_equal(&b->at[i].at, at))
			return &b->at[i];
	return NULL;
}

static struct binding *append(struct bindings *b, const struct addr *at, const char *listener)
{
	b->at = memory_grow(b->at, b->count, sizeof(*b->at));
	b->at[b->count] =
		(struct binding){ .at = *at, .listener = memory_text(listener, strlen(listener)) };
	return &b->at[b->count++];
}

static void remember(struct addrs *list, const struct addr *at)
{
	list->at = memory_grow(list->at, list->count, sizeof(*list->at));
	list->at[list->count++] = *at;
}

/* Where a socket of ours is, or was a moment ago, nobody else can be, and asking would find ours. */
static bool is_ours(const struct bindings *b, const struct addr *at)
{
	for (size_t i = 0; i < b->count; i++)
		if (overlaps(&b->at[i].at, at))
			return true;
	return false;
}

/* IPv6 may be switched off: that is no mistake where nobody asked for `::` by name. */
static bool may_lack(const struct plan_entry *p, int err)
{
	return (err == -EAFNOSUPPORT || err == -EADDRNOTAVAIL) && p->conf->bind.count > 1 &&
	       addr_is_any(&p->at) && p->at.sa.sa_family == AF_INET6;
}

static bool say_unbound(const struct plan_entry *p, int err, struct report *report)
{
	int line = key_line(SECTION_LISTEN, &p->conf->section, "ports");
	char at[ADDR_TEXT];

	addr_format(&p->at, at);
	if (may_lack(p, err)) {
		report_lint(report, line, 1, NULL,
			    "listener %s: %s is not listened on: this machine has no IPv6",
			    p->conf->section.name, at);
		return true;
	}
	report_add(report, line, "listener %s: cannot listen on %s: %s%s", p->conf->section.name,
		   at, strerror(-err),
		   err == -EACCES	? " (a port below 1024 needs root or CAP_NET_BIND_SERVICE)"
		   : err == -EADDRINUSE ? " (see `ss -ltnp` for who listens there)"
		   : err == -EADDRNOTAVAIL ? " (no interface has this address)"
					   : "");
	return false;
}

static struct order_place *add_place(struct bindings_change *out, const struct plan_entry *p,
				     size_t worker, int fd)
{
	struct order *o = out->orders[worker];

	o->serve.at[o->serve.count] = (struct order_place){ .plan = p, .fd = fd };
	return &o->serve.at[o->serve.count++];
}

/* [::]:25 without IPV6_V6ONLY is also 0.0.0.0:25. */
static bool serves(const struct inherited *h, const struct addr *at)
{
	if (addr_equal(&h->at, at))
		return true;
	return addr_is_any(&h->at) && h->at.sa.sa_family == AF_INET6 && !h->v6only &&
	       addr_is_any(at) && addr_port(&h->at) == addr_port(at);
}

static bool is_name_of_another(const struct plan_entry *p, const char *name)
{
	const struct config *c = p->generation->config;

	for (size_t i = 0; i < c->nlistens; i++)
		if (&c->listens[i] != p->conf && strcmp(c->listens[i].section.name, name) == 0)
			return true;
	return false;
}

/* The address decides; a name that is another listener's speaks against it. */
static const struct inherited *find_inherited(const struct bindings *b, const struct plan_entry *p)
{
	for (size_t i = 0; b->inherited && i < b->inherited->count; i++) {
		const struct inherited *h = &b->inherited->at[i];

		if (serves(h, &p->at) && !is_name_of_another(p, h->name))
			return h;
	}
	return NULL;
}

static bool is_taken(const struct bindings *b, const struct inherited *h)
{
	for (size_t i = 0; i < b->count; i++)
		if (!b->at[i].left && b->at[i].inherited == h)
			return true;
	return false;
}

/* 0, or negative errno. Others hold the socket as well: it stays what it is when we close ours. */
static int share_place(const struct inherited *h, const struct plan_entry *p,
		       struct bindings_change *out)
{
	int fd;

	/* With O_NONBLOCK the ring's accept would not wait. */
	fcntl(h->fd, F_SETFL, fcntl(h->fd, F_GETFL) & ~O_NONBLOCK);
	leg_options_set(h->fd, &p->client);
	for (size_t i = 0; i < out->norders; i++) {
		fd = fcntl(h->fd, F_DUPFD_CLOEXEC, 0);
		if (fd < 0)
			return -errno;
		add_place(out, p, i, fd)->inherited = true;
	}
	return 0;
}

/* True when it may come later. */
static bool may_come(const struct plan_entry *p, int err, struct report *report)
{
	char at[ADDR_TEXT];

	if (err != -EADDRNOTAVAIL || reach_of_addr(&p->at) != REACH_TAILNET)
		return false;
	report_lint(
		report, key_line(SECTION_LISTEN, &p->conf->section, "bind"), 1, NULL,
		"listener %s: no interface has %s yet; it is listened on and works once tailscaled brings it; if that "
		"never happens, `tailscale ip` tells this machine's address",
		p->conf->section.name, addr_format_host(&p->at, at));
	return true;
}

/* 0, or negative errno; sockets that were opened are in the orders already. */
static int open_place(const struct bindings *b, const struct plan_entry *p,
		      struct bindings_change *out, struct report *report)
{
	int fd = is_ours(b, &p->at) || is_ours(&out->next, &p->at) ? 0 : listener_probe(&p->at);

	if (may_come(p, fd, report))
		fd = 0;
	for (size_t i = 0; fd >= 0 && i < out->norders; i++) {
		fd = listener_open(p);
		if (fd >= 0)
			add_place(out, p, i, fd);
	}
	return min_of(fd, 0);
}

static void keep_place(const struct binding *held, const struct plan_entry *p,
		       struct bindings_change *out)
{
	for (size_t i = 0; i < out->norders; i++)
		add_place(out, p, i, -1);
	append(&out->next, &p->at, p->conf->section.name)->inherited = held->inherited;
	out->kept++;
}

static bool prepare_entry(const struct bindings *b, const struct plan_entry *p,
			  struct bindings_change *out, struct report *report)
{
	const struct binding *held = find_held(b, &p->at);
	const struct inherited *h = held ? NULL : find_inherited(b, p);
	int err;

	if (held) {
		keep_place(held, p, out);
		return true;
	}
	if (h && is_taken(&out->next, h))
		return true;
	err = h ? share_place(h, p, out) : open_place(b, p, out, report);
	if (err)
		return say_unbound(p, err, report);
	append(&out->next, &p->at, p->conf->section.name)->inherited = h;
	remember(&out->added, &p->at);
	return true;
}

/* What is not in the next state is let go, and remembered for as long as it may still be bound. */
static void let_go(const struct bindings *b, struct bindings_change *out)
{
	msec_t now = timer_now();

	for (size_t i = 0; i < b->count; i++) {
		const struct binding *was = &b->at[i];

		if (find_held(&out->next, &was->at) || (was->left && now - was->left > GONE_AFTER))
			continue;
		append(&out->next, &was->at, was->listener)->left = was->left ? was->left : now;
		if (!was->left)
			remember(&out->removed, &was->at);
	}
}

bool bindings_prepare(const struct bindings *b, struct generation *g, size_t nworkers,
		      struct bindings_change *out, struct report *report)
{
	bool ok = true;

	*out = (struct bindings_change){ .norders = nworkers, .next.inherited = b->inherited };
	out->orders = memory_zeroed(nworkers, sizeof(*out->orders));
	for (size_t i = 0; i < nworkers; i++) {
		out->orders[i] = order_new(ORDER_SERVE);
		out->orders[i]->serve.generation = generation_get(g);
		out->orders[i]->serve.at = memory_zeroed(g->plan.count, sizeof(struct order_place));
	}
	for (size_t i = 0; i < g->plan.count; i++)
		ok &= prepare_entry(b, &g->plan.at[i], out, report);
	if (ok)
		let_go(b, out);
	else
		bindings_discard(out);
	return ok;
}

void bindings_commit(struct bindings *b, struct bindings_change *change)
{
	bindings_finish(b);
	*b = change->next;
	change->next = (struct bindings){ 0 };
}

void bindings_discard(struct bindings_change *change)
{
	for (size_t i = 0; i < change->norders; i++)
		if (change->orders[i])
			order_free(change->orders[i]);
	free(change->orders);
	bindings_finish(&change->next);
	free(change->added.at);
	free(change->removed.at);
	*change = (struct bindings_change){ 0 };
}

void bindings_note_unused(const struct bindings *b, struct report *report)
{
	char at[ADDR_TEXT];

	for (size_t i = 0; b->inherited && i < b->inherited->count; i++) {
		const struct inherited *h = &b->inherited->at[i];

		if (!is_taken(b, h))
			report_lint(
				report, 0, 1, NULL,
				"the socket unit gives %s (%s), and no listener is for that address: its "
				"clients wait for nobody",
				addr_format(&h->at, at), h->name);
	}
}

bool bindings_leave(struct bindings *b, const char *listener)
{
	bool found = false;

	for (size_t i = 0; i < b->count; i++) {
		if (b->at[i].left || (*listener && strcmp(b->at[i].listener, listener) != 0))
			continue;
		b->at[i].left = timer_now();
		found = true;
	}
	return found;
}

void bindings_finish(struct bindings *b)
{
	for (size_t i = 0; i < b->count; i++)
		free(b->at[i].listener);
	free(b->at);
	*b = (struct bindings){ 0 };
}
