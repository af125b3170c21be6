/* What answers on tailscaled's socket. */
#include <string.h>

#include "backend/tailnet_choice.h"
#include "backend/tailnet_status.h"
#include "fuzz.h"

static void judge_text(const char *text, size_t size)
{
	MUST(memchr(text, '\0', size));
	for (; *text; text++)
		MUST(*text >= ' ' && *text <= '~');
}

static void judge_node(const struct tailnet_node *n)
{
	judge_text(n->name, sizeof(n->name));
	judge_text(n->asked, sizeof(n->asked));
	judge_text(n->tags, sizeof(n->tags));
	judge_text(n->direct, sizeof(n->direct));
	judge_text(n->relay, sizeof(n->relay));
	MUST(n->naddresses <= TAILNET_ADDRESSES);
	MUST(n->created >= 0 && n->seen >= 0 && n->key_expiry >= 0);
}

static bool is_among(const struct tailnet_status *s, const struct tailnet_node *n)
{
	return n >= s->peers && n < s->peers + s->count;
}

static void choose(const struct tailnet_status *s, const char *name)
{
	struct tailnet_choice choice;

	tailnet_choose(&choice, s, name, NULL, NULL);
	MUST(!choice.use == (choice.verdict == TAILNET_NO_NODE));
	MUST(!choice.other == (choice.verdict != TAILNET_GHOST && choice.verdict != TAILNET_TWINS));
	MUST(!choice.use || is_among(s, choice.use));
	MUST(!choice.other || (is_among(s, choice.other) && choice.other != choice.use));
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	struct tailnet_status s;
	bool good = tailnet_status_parse(&s, (const char *)bytes, size);

	MUST(good || (!s.peers && !s.count));
	judge_text(s.version, sizeof(s.version));
	judge_text(s.state, sizeof(s.state));
	judge_text(s.suffix, sizeof(s.suffix));
	judge_text(s.health, sizeof(s.health));
	judge_node(&s.self);
	choose(&s, "mailbox");
	choose(&s, "mailbox.rig.ts.net");
	for (size_t i = 0; i < s.count && i < 8; i++) {
		MUST(s.peers[i].naddresses);
		MUST(tailnet_status_find(&s, &s.peers[i].addresses[0]));
		judge_node(&s.peers[i]);
		choose(&s, s.peers[i].name);
	}
	tailnet_status_finish(&s);
	return 0;
}
