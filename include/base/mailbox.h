/* mailbox - the one way from thread to thread: a queue of letters and an eventfd that is
 * readable while there may be any. Many threads may post; one thread takes. */
#ifndef TAILSPLICE_BASE_MAILBOX_H
#define TAILSPLICE_BASE_MAILBOX_H

#include <pthread.h>

/* Embedded in what is sent. After mailbox_post() it belongs to the taker. */
struct letter {
	struct letter *next;
};

struct mailbox {
	pthread_mutex_t lock;
	struct letter *first, **last;
	int fd; /* eventfd(2), non-blocking; poll it for POLLIN */
};

/* 0, or negative errno of eventfd(2). */
int mailbox_open(struct mailbox *m);

/* Letters still inside are not freed: take them first. */
void mailbox_close(struct mailbox *m);

void mailbox_post(struct mailbox *m, struct letter *l);

/* All letters there are, oldest first, linked by `next`; NULL when there are none.
 * They belong to the caller. */
struct letter *mailbox_take(struct mailbox *m);

#endif
