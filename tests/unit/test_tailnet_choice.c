/* Which node is meant: a row is a tailnet in words, a name, and the verdict. */
#include "backend/tailnet_choice.h"

#include <stdio.h>

#include "backend/tailnet_pulse.h"
#include "check.h"

/* "NAME ASKED TAGS FLAGS": + online, x expired, ! silent, a digit: created then. Address by place: 100.64.0.1 … */
static const struct {
	const char *label, *nodes[5], *wanted;
	enum tailnet_verdict verdict;
	int use, other; /* by place; 0: none */
} rows[] = {
	{ "the node", { "mailbox mailbox tag:m +" }, "mailbox", TAILNET_THE_NODE, 1, 0 },
	{ "in full", { "mailbox mailbox tag:m +" }, "mailbox.rig.ts.net", TAILNET_THE_NODE, 1, 0 },
	{ "in any case, with a dot",
	  { "mailbox mailbox tag:m +" },
	  "MailBox.Rig.ts.net.",
	  TAILNET_THE_NODE,
	  1,
	  0 },
	{ "another domain",
	  { "mailbox mailbox tag:m +" },
	  "mailbox.other.ts.net",
	  TAILNET_NO_NODE,
	  0,
	  0 },
	{ "a longer name", { "mailbox2 mailbox2 tag:m +" }, "mailbox", TAILNET_NO_NODE, 0, 0 },
	{ "a shorter name", { "mail mail tag:m +" }, "mailbox", TAILNET_NO_NODE, 0, 0 },
	{ "nobody", { NULL }, "mailbox", TAILNET_NO_NODE, 0, 0 },
	{ "no name", { "mailbox mailbox tag:m +" }, "", TAILNET_NO_NODE, 0, 0 },
	{ "offline", { "mailbox mailbox tag:m 1" }, "mailbox", TAILNET_OFFLINE, 1, 0 },
	{ "expired", { "mailbox mailbox tag:m +x" }, "mailbox", TAILNET_EXPIRED, 1, 0 },
	{ "a ghost",
	  { "mailbox mailbox tag:m 1", "mailbox-1 mailbox tag:m +2" },
	  "mailbox",
	  TAILNET_GHOST,
	  2,
	  1 },
	{ "a ghost, name in full",
	  { "mailbox mailbox tag:m 1", "mailbox-1 mailbox tag:m +2" },
	  "mailbox.rig.ts.net",
	  TAILNET_GHOST,
	  2,
	  1 },
	{ "a ghost, as a server is written",
	  { "mailbox mailbox tag:m 1", "mailbox-1 mailbox tag:m +2" },
	  "tailnet:mailbox",
	  TAILNET_GHOST,
	  2,
	  1 },
	{ "an expired ghost",
	  { "mailbox mailbox tag:m +x1", "mailbox-1 mailbox tag:m +2" },
	  "mailbox",
	  TAILNET_GHOST,
	  2,
	  1 },
	{ "two ghosts",
	  { "mailbox mailbox tag:m 1", "mailbox-1 mailbox tag:m 2", "mailbox-12 mailbox tag:m +3" },
	  "mailbox",
	  TAILNET_GHOST,
	  3,
	  1 },
	{ "the youngest of the numbered",
	  { "mailbox mailbox tag:m 1", "mailbox-2 mailbox tag:m +2", "mailbox-1 mailbox tag:m +3" },
	  "mailbox",
	  TAILNET_GHOST,
	  3,
	  1 },
	{ "one name, two nodes",
	  { "mailbox mailbox tag:m 1", "mailbox mailbox tag:m +2" },
	  "mailbox",
	  TAILNET_GHOST,
	  2,
	  1 },
	{ "the ghost is gone, the number stays",
	  { "mailbox-1 mailbox tag:m +2" },
	  "mailbox",
	  TAILNET_THE_NODE,
	  1,
	  0 },
	{ "all are offline",
	  { "mailbox mailbox tag:m 1", "mailbox-1 mailbox tag:m 2" },
	  "mailbox",
	  TAILNET_OFFLINE,
	  1,
	  0 },
	{ "other tags",
	  { "mailbox mailbox tag:m 1", "mailbox-1 mailbox tag:x +2" },
	  "mailbox",
	  TAILNET_OFFLINE,
	  1,
	  0 },
	{ "somebody's own mailbox-1",
	  { "mailbox mailbox tag:m 1", "mailbox-1 mailbox-1 tag:m +2" },
	  "mailbox",
	  TAILNET_OFFLINE,
	  1,
	  0 },
	{ "mailbox-x",
	  { "mailbox mailbox tag:m 1", "mailbox-x mailbox tag:m +2" },
	  "mailbox",
	  TAILNET_OFFLINE,
	  1,
	  0 },
	{ "mailbox-",
	  { "mailbox mailbox tag:m 1", "mailbox- mailbox tag:m +2" },
	  "mailbox",
	  TAILNET_OFFLINE,
	  1,
	  0 },
	{ "both are online",
	  { "mailbox mailbox tag:m +1", "mailbox-1 mailbox tag:m +2" },
	  "mailbox",
	  TAILNET_TWINS,
	  1,
	  2 },
	{ "both are, one is silent",
	  { "mailbox mailbox tag:m +1!", "mailbox-1 mailbox tag:m +2" },
	  "mailbox",
	  TAILNET_TWINS,
	  2,
	  1 },
	{ "both are, both are silent",
	  { "mailbox mailbox tag:m +1!", "mailbox-1 mailbox tag:m +2!" },
	  "mailbox",
	  TAILNET_TWINS,
	  1,
	  2 },
	{ "alone and silent", { "mailbox mailbox tag:m +1!" }, "mailbox", TAILNET_THE_NODE, 1, 0 },
	{ "the numbered one is meant",
	  { "mailbox mailbox tag:m +1", "mailbox-1 mailbox tag:m +2" },
	  "mailbox-1",
	  TAILNET_THE_NODE,
	  2,
	  0 },
};

static const char *silent_nodes[8];
static size_t nsilent;

static bool is_silent(const struct tailnet_node *n, void *arg)
{
	(void)arg;
	for (size_t i = 0; i < nsilent; i++)
		if (strcmp(silent_nodes[i], n->name) == 0)
			return true;
	return false;
}

static void make(struct tailnet_node *n, const char *words, unsigned place)
{
	char label[64], flags[16] = "", at[32];

	*n = (struct tailnet_node){ .naddresses = 1 };
	sscanf(words, "%63s %63s %255s %15s", label, n->asked, n->tags, flags);
	snprintf(n->name, sizeof(n->name), "%s.rig.ts.net", label);
	snprintf(at, sizeof(at), "100.64.0.%u", place);
	addr_parse(&n->addresses[0], at, 0);
	n->online = strchr(flags, '+');
	n->expired = strchr(flags, 'x');
	n->created = flags[strcspn(flags, "123456789")] - '0';
	if (strchr(flags, '!'))
		silent_nodes[nsilent++] = n->name;
}

static int place_of(const struct tailnet_status *s, const struct tailnet_node *n)
{
	return n ? (int)(n - s->peers) + 1 : 0;
}

static void try(size_t row, bool backwards)
{
	struct tailnet_node nodes[5];
	struct tailnet_status s = { .suffix = "rig.ts.net", .peers = nodes };
	struct tailnet_choice choice;
	int count = 0, use = rows[row].use, other = rows[row].other;

	nsilent = 0;
	while (count < 5 && rows[row].nodes[count])
		count++;
	for (int i = 0; i < count; i++)
		make(&nodes[i], rows[row].nodes[backwards ? count - 1 - i : i], (unsigned)i + 1);
	s.count = (size_t)count;
	tailnet_choose(&choice, &s, rows[row].wanted, is_silent, NULL);
	expect_num(choice.verdict, rows[row].verdict, rows[row].label);
	expect_num(place_of(&s, choice.use), backwards && use ? count + 1 - use : use,
		   rows[row].label);
	expect_num(place_of(&s, choice.other), backwards && other ? count + 1 - other : other,
		   rows[row].label);
}

/* Peers have no order (they come as an object), so none may matter. */
Test(tailnet_choice, rows)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		try(i, false);
		try(i, true);
	}
}

Test(tailnet_choice, names_of_this_tailnet)
{
	static const struct {
		const char *suffix, *name;
		bool ours;
	} names[] = {
		{ "rig.ts.net", "mailbox.rig.ts.net", true },
		{ "rig.ts.net", "mailbox.RIG.ts.net.", true },
		{ "rig.ts.net", "rig.ts.net", false },
		{ "rig.ts.net", ".rig.ts.net", false },
		{ "rig.ts.net", "mailboxrig.ts.net", false },
		{ "rig.ts.net", "mailbox.other.ts.net", false },
		{ "head.example", "mailbox.head.example", true },
		{ "", "mailbox.", false },
	};
	struct tailnet_status s = { 0 };

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		snprintf(s.suffix, sizeof(s.suffix), "%s", names[i].suffix);
		expect_num(tailnet_is_ours(&s, names[i].name), names[i].ours, names[i].name);
	}
}

/* A node is silent when more than one packet, over a second, got no answer, until it answers. */
Test(tailnet_choice, silence)
{
	static const struct {
		msec_t at;
		uint64_t rx, tx;
		bool silent;
	} beats[] = {
		{ 1000, 10, 10, false },  { 1500, 10, 10, false }, /* nothing sent */
		{ 2000, 10, 20, false },  { 9000, 10, 20, false }, /* one packet: an acknowledgement gets none */
		{ 9500, 10, 30, true },				   /* and another, seconds later */
		{ 20000, 10, 30, true },  { 20500, 10, 40, true }, /* it stays */
		{ 21000, 11, 50, false },			   /* until it answers */
		{ 21500, 11, 60, false }, { 22000, 11, 70, false }, { 22500, 11, 80, true },
		{ 23000, 0, 5, false }, /* tailscaled was started anew */
	};
	struct tailnet_node node = { .naddresses = 1 };
	struct tailnet_status s = { .peers = &node, .count = 1 };
	struct tailnet_pulses pulses = { 0 };
	char label[32];

	addr_parse(&node.addresses[0], "100.64.0.2", 0);
	for (size_t i = 0; i < sizeof(beats) / sizeof(*beats); i++) {
		node.rx = beats[i].rx;
		node.tx = beats[i].tx;
		tailnet_pulses_take(&pulses, &s, beats[i].at);
		snprintf(label, sizeof(label), "at %llu", (unsigned long long)beats[i].at);
		expect_num(tailnet_pulses_silent(&pulses, &node), beats[i].silent, label);
	}
	s.count = 0;
	tailnet_pulses_take(&pulses, &s, 30000);
	cr_expect(!tailnet_pulses_silent(&pulses, &node), "it is gone");
	tailnet_pulses_finish(&pulses);
}
