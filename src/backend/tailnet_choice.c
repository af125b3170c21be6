#include "backend/tailnet_choice.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "config/model.h"

struct search {
	const char *label; /* the first of the name */
	size_t len;
	const char *domain; /* the rest, without the dot between */
	bool (*silent)(const struct tailnet_node *n, void *arg);
	void *arg;
};

static size_t length(const char *name)
{
	size_t len = strlen(name);

	return len && name[len - 1] == '.' ? len - 1 : len;
}

bool tailnet_is_ours(const struct tailnet_status *s, const char *name)
{
	size_t len = length(name), end = strlen(s->suffix);

	return end && len > end + 1 && name[len - end - 1] == '.' &&
	       strncasecmp(name + len - end, s->suffix, end) == 0;
}

enum tailnet_standing tailnet_standing(const struct tailnet_status *s, const struct addr *a)
{
	const struct tailnet_node *n = tailnet_status_find(s, a);

	if (!n)
		return TAILNET_NOT_SHOWN;
	return n->online && !n->expired ? TAILNET_PRESENT : TAILNET_AWAY;
}

/* "mailbox-12" for "mailbox": how control names a node whose name is taken. */
static bool is_numbered(const char *rest)
{
	size_t digits = strspn(rest + 1, "0123456789");

	return *rest == '-' && digits && (!rest[1 + digits] || rest[1 + digits] == '.');
}

static bool in_domain(const struct search *q, const char *node, size_t label)
{
	size_t len = length(q->domain);

	return !len || (node[label] == '.' && strlen(node + label + 1) == len &&
			strncasecmp(node + label + 1, q->domain, len) == 0);
}

/* How well a node's name fits. */
enum fit { FIT_NONE, FIT_NUMBERED, FIT_EXACT };

static enum fit fit(const struct search *q, const struct tailnet_node *n)
{
	size_t label = strcspn(n->name, ".");

	if (strncasecmp(n->name, q->label, q->len) != 0 || !in_domain(q, n->name, label))
		return FIT_NONE;
	if (label == q->len)
		return FIT_EXACT;
	return is_numbered(n->name + q->len) && strlen(n->asked) == q->len &&
			       strncasecmp(n->asked, q->label, q->len) == 0
		       ? FIT_NUMBERED
		       : FIT_NONE;
}

/* Of two of the same name: the one that is online, then the younger. */
static bool is_better(const struct tailnet_node *a, const struct tailnet_node *b)
{
	if (!b || a->expired != b->expired)
		return !b || b->expired;
	if (a->online != b->online)
		return a->online;
	return a->created > b->created;
}

static bool is_silent(const struct search *q, const struct tailnet_node *n)
{
	return q->silent && q->silent(n, q->arg);
}

/* Anybody may call a machine mailbox-1. */
static bool are_twins(const struct tailnet_node *a, const struct tailnet_node *b)
{
	return strcmp(a->tags, b->tags) == 0 && strcmp(a->asked, b->asked) == 0;
}

static void judge(struct tailnet_choice *out, const struct search *q,
		  const struct tailnet_node *exact, const struct tailnet_node *twin)
{
	const struct tailnet_node *n = exact ? exact : twin;

	*out = (struct tailnet_choice){ TAILNET_NO_NODE, n, NULL };
	if (!n)
		return;
	out->verdict = n->expired  ? TAILNET_EXPIRED
		       : n->online ? TAILNET_THE_NODE
				   : TAILNET_OFFLINE;
	/* Also the other way round: an offline node of that very name, which MagicDNS may answer with. */
	if (out->verdict == TAILNET_THE_NODE && exact && twin && !twin->online &&
	    strcmp(exact->name, twin->name) == 0)
		*out = (struct tailnet_choice){ TAILNET_GHOST, exact, twin };
	if (!exact || !twin || !twin->online || twin->expired)
		return;
	if (out->verdict == TAILNET_THE_NODE) {
		bool dead = is_silent(q, exact) && !is_silent(q, twin);

		*out = (struct tailnet_choice){ TAILNET_TWINS, dead ? twin : exact,
						dead ? exact : twin };
	} else {
		*out = (struct tailnet_choice){ TAILNET_GHOST, twin, exact };
	}
}

void tailnet_choose(struct tailnet_choice *out, const struct tailnet_status *s, const char *host,
		    bool (*silent)(const struct tailnet_node *n, void *arg), void *arg)
{
	const char *node = server_node(host), *name = node ? node : host;
	struct search q = { .label = name, .len = strcspn(name, "."), .silent = silent, .arg = arg };
	const struct tailnet_node *exact = NULL, *twin = NULL, *n;

	q.domain = name[q.len] == '.' ? name + q.len + 1 : "";
	for (size_t i = 0; q.len && i < s->count; i++)
		if (fit(&q, &s->peers[i]) == FIT_EXACT && is_better(&s->peers[i], exact))
			exact = &s->peers[i];
	for (size_t i = 0; q.len && i < s->count; i++) {
		n = &s->peers[i];
		if (n != exact && fit(&q, n) != FIT_NONE && (!exact || are_twins(exact, n)) &&
		    is_better(n, twin))
			twin = n;
	}
	judge(out, &q, exact, twin);
}
