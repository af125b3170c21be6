#include "edge/bindings.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"
#include "config/keys.h"
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

static void add_place(struct bindings_change *out, const struct plan_entry *p, size_t worker,
		      int fd)
{
	struct order *o = out->orders[worker];

	o->serve.at[o->serve.count++] = (struct order_place){ .plan = p, .fd = fd };
}

/* 0, or negative errno; sockets that were opened are in the orders already. */
static int open_place(const struct bindings *b, const struct plan_entry *p,
		      struct bindings_change *out)
{
	int fd = is_ours(b, &p->at) || is_ours(&out->next, &p->at) ? 0 : listener_probe(&p->at);

	for (size_t i = 0; fd >= 0 && i < out->norders; i++) {
		fd = listener_open(p);
		if (fd >= 0)
			add_place(out, p, i, fd);
	}
	return min_of(fd, 0);
}

static void keep_place(const struct plan_entry *p, struct bindings_change *out)
{
	for (size_t i = 0; i < out->norders; i++)
		add_place(out, p, i, -1);
	append(&out->next, &p->at, p->conf->section.name);
	out->kept++;
}

static bool prepare_entry(const struct bindings *b, const struct plan_entry *p,
			  struct bindings_change *out, struct report *report)
{
	int err;

	if (find_held(b, &p->at)) {
		keep_place(p, out);
		return true;
	}
	err = open_place(b, p, out);
	if (err)
		return say_unbound(p, err, report);
	append(&out->next, &p->at, p->conf->section.name);
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

	*out = (struct bindings_change){ .norders = nworkers };
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
