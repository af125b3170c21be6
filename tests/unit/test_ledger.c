/* What is counted goes on over reloads, and adds up over workers. */
#include "edge/ledger.h"

#include "base/bits.h"
#include "check.h"

Test(ledger, adds_up)
{
	struct ledger a, b, sum;

	ledger_init(&a);
	ledger_init(&b);
	ledger_make_room(&a, 2);
	ledger_make_room(&b, 3);
	a.accounts[1] =
		(struct account){ .live = 1, .accepted = 2, .refused = 3, .up = 4, .down = 5 };
	b.accounts[1] =
		(struct account){ .live = 10, .accepted = 20, .refused = 30, .up = 40, .down = 50 };
	b.accounts[2].live = 7;
	a.accepted = 1;
	b.accepted = 2;
	a.up = 3;
	b.down = 4;
	a.ends[WHY_IDLE] = 5;
	b.ends[WHY_IDLE] = 6;
	b.refusals[WHY_DENIED] = 7;
	ledger_count_path(&a, "copy");
	ledger_count_path(&b, "splice");
	ledger_count_path(&b, "copy");
	ledger_copy(&sum, &a);
	ledger_add(&sum, &b);
	expect_num(sum.count, 3, "accounts");
	expect_num(sum.accounts[1].live, 11, "live");
	expect_num(sum.accounts[1].accepted, 22, "accepted");
	expect_num(sum.accounts[1].refused, 33, "refused");
	expect_num(sum.accounts[1].up, 44, "up");
	expect_num(sum.accounts[1].down, 55, "down");
	expect_num(sum.accounts[2].live, 7, "only one worker has it");
	expect_num(sum.accepted, 3, "accepted");
	expect_num(sum.up, 3, "up");
	expect_num(sum.down, 4, "down");
	expect_num(sum.ends[WHY_IDLE], 11, "ends");
	expect_num(sum.refusals[WHY_DENIED], 7, "refusals");
	expect_str(sum.paths[0].name, "copy", "the first path");
	expect_num(sum.paths[0].flows, 2, "copy");
	expect_num(sum.paths[1].flows, 1, "splice");
	expect_num(a.accounts[1].live, 1, "the source stays");
	ledger_finish(&a);
	ledger_finish(&b);
	ledger_finish(&sum);
}

Test(ledger, classes_of_time)
{
	static const struct {
		uint32_t ms;
		size_t class;
	} rows[] = { { 0, 0 }, { 1, 0 },    { 2, 1 },	  { 3, 2 },	     { 5, 2 },
		     { 6, 3 }, { 5000, 9 }, { 5001, 10 }, { UINT32_MAX, 10 } };
	struct ledger a, sum;

	ledger_init(&a);
	ledger_make_room(&a, 1);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct latency l = { 0 };

		latency_note(&l, rows[i].ms);
		expect_num(l.counts[rows[i].class], 1, "class");
		expect_num(l.sum, rows[i].ms, "sum");
		latency_note(&a.accounts[0].connects, rows[i].ms);
	}
	ledger_copy(&sum, &a);
	ledger_add(&sum, &a);
	expect_num(sum.accounts[0].connects.counts[0], 4, "two workers");
	expect_num(sum.accounts[0].connects.sum, 2 * a.accounts[0].connects.sum, "sums");
	ledger_finish(&a);
	ledger_finish(&sum);
}

Test(ledger, room_keeps_what_is_there)
{
	struct ledger l;

	ledger_init(&l);
	ledger_make_room(&l, 1);
	l.accounts[0].up = 9;
	ledger_make_room(&l, 5);
	ledger_make_room(&l, 2);
	expect_num(l.count, 5, "it never shrinks");
	expect_num(l.accounts[0].up, 9, "kept");
	expect_num(l.accounts[4].up, 0, "new");
	ledger_finish(&l);
}

Test(ledger, more_paths_than_it_knows)
{
	static const char *const names[] = { "a", "b", "c", "d", "e", "f", "g", "h", "i" };
	struct ledger l;

	ledger_init(&l);
	for (size_t i = 0; i < 9; i++)
		ledger_count_path(&l, names[i]);
	expect_str(l.paths[LEDGER_PATHS - 1].name, "h", "the last one");
	ledger_finish(&l);
}

Test(roster, a_number_for_life)
{
	struct roster r = { 0 };

	expect_num(roster_number(&r, "mail", "0.0.0.0:25"), 0, "first");
	expect_num(roster_number(&r, "mail", "[::]:25"), 1, "another address");
	expect_num(roster_number(&r, "mail", NULL), 2, "a backend of that name");
	expect_num(roster_number(&r, "web", "0.0.0.0:25"), 3, "another listener there");
	expect_num(roster_number(&r, "mail", "0.0.0.0:25"), 0, "again");
	expect_num(roster_number(&r, "mail", NULL), 2, "again");
	expect_num(r.count, 4, "count");
	roster_finish(&r);
}
