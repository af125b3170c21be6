/* Rows for the operator: filtered, sorted, cut, and put together from several workers. */
#include "edge/listing.h"

#include "check.h"

static struct listing_row row(uint64_t id, msec_t age, uint64_t rate, uint64_t up, uint64_t down)
{
	return (struct listing_row){ .id = id, .age = age, .rate = rate, .up = up, .down = down };
}

static struct addr address(const char *text)
{
	struct addr a;

	cr_assert(addr_parse(&a, text, 1234));
	return a;
}

Test(listing, wants)
{
	static const struct {
		const char *listener, *client;
		uint16_t port;
		bool wanted;
	} rows[] = {
		{ "", NULL, 0, true },
		{ "mail", NULL, 0, true },
		{ "mai", NULL, 0, false },
		{ "mail", NULL, 25, true },
		{ "mail", NULL, 26, false },
		{ "", "192.0.2.0/24", 0, true },
		{ "", "192.0.2.7", 0, true },
		{ "", "192.0.2.8", 0, false },
		{ "mail", "2001:db8::/32", 25, false },
	};
	struct addr client = address("192.0.2.7");

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct listing l = { .port = rows[i].port, .of_client = rows[i].client };

		strcpy(l.listener, rows[i].listener);
		if (rows[i].client)
			cr_assert(net_parse(&l.client, rows[i].client) == 0);
		expect_num(listing_wants(&l, "mail", 25, &client), rows[i].wanted, rows[i].listener);
	}
}

Test(listing, sorts_and_cuts)
{
	static const struct {
		enum listing_sort sort;
		uint64_t first, second;
	} rows[] = { { LISTING_AGE, 2, 3 }, { LISTING_RATE, 1, 2 }, { LISTING_BYTES, 3, 1 } };

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct listing l = { .sort = rows[i].sort, .limit = 2 };
		struct listing_row all[] = { row(1, 10, 300, 5, 0), row(2, 30, 200, 1, 1),
					     row(3, 20, 100, 2, 4) };

		for (size_t k = 0; k < ARRAY_LEN(all); k++)
			listing_add(&l, &all[k]);
		listing_trim(&l);
		expect_num(l.count, 2, "cut");
		expect_num(l.rows[0].id, rows[i].first, "first");
		expect_num(l.rows[1].id, rows[i].second, "second");
		listing_finish(&l);
	}
}

Test(listing, merges)
{
	struct listing sum = { .sort = LISTING_AGE, .limit = 150 }, part;

	for (int worker = 0; worker < 3; worker++) {
		part = (struct listing){ .sort = LISTING_AGE, .limit = 150 };
		for (uint64_t i = 0; i < 100; i++) {
			struct listing_row r = row(i, 3 * i + (msec_t)worker, 0, 0, 0);

			listing_add(&part, &r);
			part.matched++;
			part.total += 2;
		}
		listing_trim(&part);
		listing_merge(&sum, &part);
		listing_finish(&part);
	}
	expect_num(sum.count, 150, "limit");
	expect_num(sum.matched, 300, "matched");
	expect_num(sum.total, 600, "total");
	for (size_t i = 0; i < sum.count; i++)
		expect_num(sum.rows[i].age, 299 - i, "the oldest of all workers, in order");
	part = (struct listing){ 0 };
	listing_merge(&sum, &part);
	expect_num(sum.count, 150, "nothing added");
	listing_finish(&sum);
	listing_trim(&part);
	listing_finish(&part);
}
