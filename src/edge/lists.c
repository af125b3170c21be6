#include "edge/lists.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "base/memory.h"
#include "config/rules.h"
#include "config/source.h"

/* Complaints about one file. */
#define COMPLAINTS 10

/* Values of the set; of two for one network the greater holds. With a dismissal each: OTHERS, for who stands in no allow, and
 * DENIED. */
enum { OTHERS = 1, ALLOWED = 10, DENIED = 11 };

/* When any of it differs, it is another file, or has other contents. */
struct stamp {
	uint64_t device, inode;
	int64_t size;
	struct timespec changed, modified;
};

struct list_file {
	char *path;
	struct stamp read, seen; /* when it was read; at the last look */
};

struct lists {
	const struct listen_conf *conf;
	_Atomic(struct prefixes *) set;
	struct list_file *files; /* of deny, then of allow, in their order */
	size_t nfiles;
};

/* While a set is made. */
struct making {
	struct prefix *at;
	size_t count;
	struct report *report;
	bool is_fresh; /* not at the start: complaints are by the files' own lines */
};

static void add(struct making *m, const struct net *net, uint64_t value)
{
	m->at = memory_grow(m->at, m->count, sizeof(*m->at));
	m->at[m->count++] = (struct prefix){ .net = *net, .value = value };
}

static void complain(struct making *m, const char *path, int line, const char *wrong, int *before)
{
	if (m->is_fresh) {
		log_warn("%s:%d: %s", path, line, wrong);
		return;
	}
	if (!*before)
		*before = lines_add(&m->report->lines, path);
	if (*before < 0)
		report_add(m->report, 0, "%s:%d: %s", path, line, wrong);
	else
		report_add(m->report, *before + line, "%s", wrong);
}

/* False when a line is wrong. */
static bool add_lines(struct making *m, const char *path, const char *bytes, size_t len,
		      uint64_t value)
{
	char wrong[NETLIST_TEXT];
	int before = 0, bad = 0, got;
	struct netlist l;
	struct net net;

	netlist_start(&l, bytes, len);
	while ((got = netlist_next(&l, &net, wrong))) {
		if (got > 0)
			add(m, &net, value);
		else if (bad++ < COMPLAINTS)
			complain(m, path, l.line, wrong, &before);
	}
	if (bad > COMPLAINTS) {
		snprintf(wrong, sizeof(wrong), "and %d more lines are wrong", bad - COMPLAINTS);
		complain(m, path, l.line, wrong, &before);
	}
	return !bad;
}

static struct stamp stamp_of(const struct stat *st)
{
	return (struct stamp){ st->st_dev, st->st_ino, st->st_size, st->st_ctim, st->st_mtim };
}

static bool same_stamp(const struct stamp *a, const struct stamp *b)
{
	return a->device == b->device && a->inode == b->inode && a->size == b->size &&
	       a->changed.tv_sec == b->changed.tv_sec && a->changed.tv_nsec == b->changed.tv_nsec &&
	       a->modified.tv_sec == b->modified.tv_sec &&
	       a->modified.tv_nsec == b->modified.tv_nsec;
}

/* NULL, or why not. */
static const char *read_whole(int fd, size_t size, char **bytes, size_t *len)
{
	ssize_t n = 1;

	if (size > LISTS_FILE_MAX)
		return "it is larger than 64 MiB";
	*bytes = memory_zeroed(size + 1, 1);
	for (*len = 0; n > 0 && *len < size; *len += (size_t)max_of(n, 0))
		n = read(fd, *bytes + *len, size - *len);
	return n < 0 ? strerror(errno) : NULL;
}

static const char *read_file(struct list_file *f, char **bytes, size_t *len)
{
	int fd = open(f->path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	const char *wrong = NULL;
	struct stat st;

	*bytes = NULL;
	if (fd < 0 || fstat(fd, &st) < 0)
		wrong = strerror(errno);
	else if (!S_ISREG(st.st_mode))
		wrong = "it is no regular file";
	else
		wrong = read_whole(fd, (size_t)st.st_size, bytes, len);
	if (!wrong)
		f->read = f->seen = stamp_of(&st);
	if (fd >= 0)
		close(fd);
	return wrong;
}

static bool add_file(struct making *m, struct list_file *f, const char *key, int line,
		     uint64_t value)
{
	char *bytes;
	size_t len = 0;
	const char *wrong = read_file(f, &bytes, &len);
	bool ok = !wrong && add_lines(m, f->path, bytes, len, value);

	free(bytes);
	if (wrong && m->is_fresh)
		log_warn("%s: %s cannot be read: %s", key, f->path, wrong);
	else if (wrong)
		report_add(m->report, line, "%s: %s cannot be read: %s", key, f->path, wrong);
	return ok;
}

static bool add_rules(struct making *m, struct lists *l, const struct rules *rules, const char *key,
		      bool denies, size_t *file)
{
	bool ok = true;

	for (size_t i = 0; i < rules->count; i++) {
		const struct rule *r = &rules->at[i];
		unsigned how = r->has_how ? r->how : l->conf->deny_action;
		uint64_t value = denies ? DENIED + how : ALLOWED;

		if (r->file)
			ok &= add_file(m, &l->files[(*file)++], key, r->line, value);
		else
			add(m, &r->net, value);
	}
	return ok;
}

static void add_others(struct making *m, const struct lists *l)
{
	static const char *const all[] = { "0.0.0.0/0", "::/0" };
	struct net net;

	for (size_t i = 0; l->conf->allow.count && i < ARRAY_LEN(all); i++)
		if (net_parse(&net, all[i]) == 0)
			add(m, &net, OTHERS + l->conf->deny_action);
}

/* False, with complaints. */
static bool make_set(struct lists *l, struct making *m, struct prefixes **out)
{
	size_t file = 0;
	bool ok = add_rules(m, l, &l->conf->deny, "deny", true, &file);

	ok &= add_rules(m, l, &l->conf->allow, "allow", false, &file);
	add_others(m, l);
	if (m->count)
		qsort(m->at, m->count, sizeof(*m->at), prefix_compare);
	*out = ok ? prefixes_make(m->at, m->count, NULL) : NULL;
	free(m->at);
	return ok;
}

static void add_paths(struct lists *l, const struct rules *rules, const char *file)
{
	for (size_t i = 0; i < rules->count; i++) {
		if (!rules->at[i].file)
			continue;
		l->files = memory_grow(l->files, l->nfiles, sizeof(*l->files));
		l->files[l->nfiles++] =
			(struct list_file){ .path = source_beside(file, rules->at[i].file) };
	}
}

struct lists *lists_open(const struct listen_conf *conf, const char *file, struct report *report)
{
	struct making m = { .report = report };
	struct prefixes *set;
	struct lists *l;

	if (!conf->allow.count && !conf->deny.count)
		return NULL;
	l = memory_zeroed(1, sizeof(*l));
	l->conf = conf;
	add_paths(l, &conf->deny, file);
	add_paths(l, &conf->allow, file);
	make_set(l, &m, &set);
	atomic_init(&l->set, set);
	return l;
}

void lists_close(struct lists *l)
{
	if (!l)
		return;
	for (size_t i = 0; i < l->nfiles; i++)
		free(l->files[i].path);
	free(l->files);
	prefixes_put(atomic_load(&l->set));
	free(l);
}

bool lists_deny(const struct lists *l, const struct addr *client, enum dismissal *how)
{
	uint64_t value = 0;

	if (l)
		value = prefixes_find(atomic_load_explicit(&l->set, memory_order_acquire), client);
	if (!value || value == ALLOWED)
		return false;
	*how = (enum dismissal)(value - (value < ALLOWED ? OTHERS : DENIED));
	return true;
}

bool lists_have_files(const struct lists *l)
{
	return l && l->nfiles;
}

/* One that is not there is a stamp of its own. */
static void look(struct list_file *f, bool *stale, bool *settled)
{
	struct stamp now = { 0 };
	struct stat st;

	if (stat(f->path, &st) == 0)
		now = stamp_of(&st);
	*stale |= !same_stamp(&now, &f->read);
	*settled &= same_stamp(&now, &f->seen);
	f->seen = now;
}

struct prefixes *lists_refresh(struct lists *l)
{
	struct making m = { .is_fresh = true };
	bool stale = false, settled = true;
	struct prefixes *set;

	for (size_t i = 0; i < l->nfiles; i++)
		look(&l->files[i], &stale, &settled);
	if (!stale || !settled)
		return NULL;
	/* Said once: a bad file is looked at again when it has changed again. */
	for (size_t i = 0; i < l->nfiles; i++)
		l->files[i].read = l->files[i].seen;
	if (!make_set(l, &m, &set)) {
		log_warn("listener %s: allow and deny stay as they were before that change",
			 l->conf->section.name);
		return NULL;
	}
	log_info("listener %s: allow and deny are read anew: %zu networks", l->conf->section.name,
		 m.count);
	return atomic_exchange_explicit(&l->set, set, memory_order_acq_rel);
}
