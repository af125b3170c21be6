/* Many post, one takes: nothing lost, nothing twice, each sender's letters in their order. */
#include "base/mailbox.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/bits.h"
#include "check.h"
#include "support/fds.h"

struct note {
	struct letter letter;
	int sender, number;
};

static bool is_readable(const struct mailbox *m)
{
	struct pollfd p = { .fd = m->fd, .events = POLLIN };

	return poll(&p, 1, 0) == 1;
}

Test(mailbox, order)
{
	struct note notes[3] = { { .number = 0 }, { .number = 1 }, { .number = 2 } };
	int before = fds_count();
	struct mailbox m;

	cr_assert(mailbox_open(&m) == 0);
	cr_expect(!is_readable(&m), "empty");
	cr_expect(mailbox_take(&m) == NULL, "empty");
	for (size_t round = 0; round < 2; round++) {
		int number = 0;

		for (size_t i = 0; i < ARRAY_LEN(notes); i++)
			mailbox_post(&m, &notes[i].letter);
		cr_expect(is_readable(&m), "posted");
		for (struct letter *l = mailbox_take(&m); l; l = l->next)
			expect_num(container_of(l, struct note, letter)->number, number++, "order");
		expect_num(number, 3, "all");
		cr_expect(!is_readable(&m), "taken");
		cr_expect(mailbox_take(&m) == NULL, "taken");
	}
	mailbox_close(&m);
	mailbox_close(&m);
	expect_num(fds_count(), before, "descriptors");
}

Test(mailbox, without_descriptors)
{
	struct mailbox m;

	fds_exhaust();
	expect_num(mailbox_open(&m), -EMFILE, "open");
}

enum { SENDERS = 4, NOTES = 20000 };

struct sender {
	struct mailbox *mailbox;
	int number;
};

static void *post_notes(void *arg)
{
	struct sender *s = arg;

	for (int i = 0; i < NOTES; i++) {
		struct note *n = malloc(sizeof(*n));

		*n = (struct note){ .sender = s->number, .number = i };
		mailbox_post(s->mailbox, &n->letter);
	}
	return NULL;
}

static int take_notes(struct mailbox *m, int next[static SENDERS])
{
	int count = 0;

	for (struct letter *l = mailbox_take(m), *following; l; l = following, count++) {
		struct note *n = container_of(l, struct note, letter);

		following = l->next;
		expect_num(n->number, next[n->sender], "a sender's order");
		next[n->sender]++;
		free(n);
	}
	return count;
}

Test(mailbox, many_senders)
{
	int next[SENDERS] = { 0 }, count = 0;
	struct sender senders[SENDERS];
	pthread_t threads[SENDERS];
	struct mailbox m;

	cr_assert(mailbox_open(&m) == 0);
	for (int i = 0; i < SENDERS; i++) {
		senders[i] = (struct sender){ .mailbox = &m, .number = i };
		pthread_create(&threads[i], NULL, post_notes, &senders[i]);
	}
	/* Only ever after poll(2) said so: a letter without readiness would hang it here. */
	while (count < SENDERS * NOTES && fd_wait(m.fd))
		count += take_notes(&m, next);
	expect_num(count, SENDERS * NOTES, "letters");
	for (int i = 0; i < SENDERS; i++)
		pthread_join(threads[i], NULL);
	cr_expect(mailbox_take(&m) == NULL, "nothing is left");
	mailbox_close(&m);
}
