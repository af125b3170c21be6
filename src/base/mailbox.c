#include "base/mailbox.h"

#include <errno.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <unistd.h>

int mailbox_open(struct mailbox *m)
{
	m->first = NULL;
	m->last = &m->first;
	m->fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (m->fd < 0)
		return -errno;
	pthread_mutex_init(&m->lock, NULL);
	return 0;
}

void mailbox_close(struct mailbox *m)
{
	if (m->fd < 0)
		return;
	close(m->fd);
	m->fd = -1;
	pthread_mutex_destroy(&m->lock);
}

void mailbox_post(struct mailbox *m, struct letter *l)
{
	uint64_t one = 1;

	l->next = NULL;
	pthread_mutex_lock(&m->lock);
	*m->last = l;
	m->last = &l->next;
	pthread_mutex_unlock(&m->lock);
	/* It fails only when the counter is full, and then the fd is readable already. */
	(void)!write(m->fd, &one, sizeof(one));
}

struct letter *mailbox_take(struct mailbox *m)
{
	struct letter *all;
	uint64_t count;

	/* First the counter, then the queue: a letter posted in between leaves the fd readable. */
	(void)!read(m->fd, &count, sizeof(count));
	pthread_mutex_lock(&m->lock);
	all = m->first;
	m->first = NULL;
	m->last = &m->first;
	pthread_mutex_unlock(&m->lock);
	return all;
}
