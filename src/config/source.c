#include "config/source.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <sha2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/bits.h"
#include "base/log.h"
#include "base/memory.h"

/* While files are read. */
struct reading {
	struct source *source;
	struct report *report;
	const char *file; /* the main one */
	size_t total;	  /* bytes so far */
	SHA2_CTX sum;
};

/* NULL, or why it cannot be: static, or strerror(3)'s. */
static const char *open_plain(const char *file, int *fd)
{
	struct stat st;

	*fd = open(file, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (*fd < 0 || fstat(*fd, &st) < 0)
		return strerror(errno);
	if (S_ISDIR(st.st_mode))
		return "it is a directory: name a file";
	if (!S_ISREG(st.st_mode))
		return "it is no regular file";
	return NULL;
}

static const char *read_bytes(struct reading *r, int fd, char **bytes, size_t *len)
{
	size_t room = CONFIG_SIZE_MAX - r->total + 1;
	ssize_t n = 1;

	*bytes = memory_zeroed(room, 1);
	for (*len = 0; n > 0 && *len < room; *len += (size_t)max_of(n, 0))
		n = read(fd, *bytes + *len, room - *len);
	if (n < 0)
		return strerror(errno);
	if (*len == room)
		return "it is larger than 4 MiB, together with what was read before: not a configuration";
	return NULL;
}

/* NULL with *bytes, to be freed; else why it cannot be read. */
static const char *read_file(struct reading *r, const char *file, char **bytes, size_t *len)
{
	const char *wrong;
	int fd;

	*bytes = NULL;
	wrong = open_plain(file, &fd);
	if (!wrong)
		wrong = read_bytes(r, fd, bytes, len);
	if (fd >= 0)
		close(fd);
	if (wrong) {
		free(*bytes);
		*bytes = NULL;
		return wrong;
	}
	r->total += *len;
	SHA256Update(&r->sum, (const uint8_t *)*bytes, *len);
	return NULL;
}

char *source_beside(const char *file, const char *name)
{
	const char *slash = strrchr(file, '/');
	char *path = NULL;

	if (*name == '/' || !slash)
		return memory_text(name, strlen(name));
	if (asprintf(&path, "%.*s/%s", (int)(slash - file), file, name) < 0)
		panic("out of memory");
	return path;
}

static const char *from_environment(const char *name)
{
	return getenv(name);
}

/* Its complaints name it, by lines of its own. */
static void read_env(struct reading *r)
{
	char *file = source_beside(r->file, ".env"), *bytes = NULL;
	int before = access(file, F_OK) == 0 ? lines_add(&r->report->lines, file) : 0;
	const char *wrong;
	size_t len;

	if (before) {
		wrong = read_file(r, file, &bytes, &len);
		if (wrong)
			report_add(r->report, 0, "%s cannot be read: %s", file, wrong);
		else
			variables_read(&r->source->variables, bytes, len, before, r->report);
	}
	free(bytes);
	free(file);
}

static bool is_included(const struct reading *r, const char *path)
{
	struct stat a, b;

	if (stat(path, &a) < 0)
		return false;
	if (stat(r->file, &b) == 0 && a.st_dev == b.st_dev && a.st_ino == b.st_ino)
		return true;
	for (size_t i = 0; i < r->report->lines.count; i++)
		if (stat(r->report->lines.at[i].name, &b) == 0 && a.st_dev == b.st_dev &&
		    a.st_ino == b.st_ino)
			return true;
	return false;
}

static void include_file(struct reading *r, const char *path, int line)
{
	const char *wrong;
	char *bytes;
	size_t len;
	int before;

	if (is_included(r, path)) {
		report_add(r->report, line, "include: %s is read already", path);
		return;
	}
	wrong = read_file(r, path, &bytes, &len);
	if (wrong) {
		report_add(r->report, line, "include: %s cannot be read: %s", path, wrong);
		return;
	}
	before = lines_add(&r->report->lines, path);
	if (before < 0)
		report_add(r->report, line, "include: more than %d files", LINES_FILES);
	else
		ini_add(&r->source->ini, bytes, len, before, r->report);
	free(bytes);
}

static void include_pattern(struct reading *r, const char *pattern, int line)
{
	char *path = source_beside(r->file, pattern);
	glob_t found = { 0 };
	int err = glob(path, 0, NULL, &found);

	if (err == GLOB_NOMATCH && !strpbrk(pattern, "*?["))
		report_add(r->report, line, "include: there is no file %s", path);
	else if (err && err != GLOB_NOMATCH)
		report_add(r->report, line, "include: %s cannot be searched: %s", path,
			   strerror(errno));
	for (size_t i = 0; !err && i < found.gl_pathc; i++)
		include_file(r, found.gl_pathv[i], line);
	globfree(&found);
	free(path);
}

static bool is_include(const struct ini_section *s, const struct ini_entry *e)
{
	return strcmp(s->name, "global") == 0 && strcmp(e->key, "include") == 0;
}

static void include_entry(struct reading *r, const struct ini_entry *e)
{
	char why[300],
		*pattern = variables_expand(&r->source->variables, e->value, why, sizeof(why));

	/* What is wrong with the value is said where all values are looked at. */
	if (pattern && *pattern)
		include_pattern(r, pattern, e->line);
	free(pattern);
}

/* One level: a file that is included cannot include. */
static void include_all(struct reading *r)
{
	struct ini *ini = &r->source->ini;
	size_t own = ini->count;

	for (size_t i = 0; i < own; i++)
		for (size_t k = 0; k < ini->at[i].count; k++)
			if (is_include(&ini->at[i], &ini->at[i].at[k]))
				include_entry(r, &ini->at[i].at[k]);
	for (size_t i = own; i < ini->count; i++)
		for (size_t k = 0; k < ini->at[i].count; k++)
			if (is_include(&ini->at[i], &ini->at[i].at[k]))
				report_add(r->report, ini->at[i].at[k].line,
					   "include: only the main file can include others");
}

static void finish_hash(struct reading *r)
{
	uint8_t digest[SHA256_DIGEST_LENGTH];

	SHA256Final(digest, &r->sum);
	for (size_t i = 0; i < sizeof(r->source->hash) / 2; i++)
		snprintf(r->source->hash + 2 * i, 3, "%02x", digest[i]);
}

bool source_read(struct source *s, const char *file, struct report *report)
{
	struct reading r = { .source = s, .report = report, .file = file };
	const char *wrong;
	char *bytes;
	size_t len;

	*s = (struct source){ .variables.lookup = from_environment };
	SHA256Init(&r.sum);
	wrong = read_file(&r, file, &bytes, &len);
	if (wrong) {
		report_add(report, 0, "cannot be read: %s", wrong);
		return false;
	}
	read_env(&r);
	ini_read(&s->ini, bytes, len, report);
	free(bytes);
	include_all(&r);
	finish_hash(&r);
	return true;
}

void source_read_text(struct source *s, const char *bytes, size_t len, struct report *report)
{
	struct reading r = { .source = s, .report = report };

	*s = (struct source){ .variables.lookup = from_environment };
	SHA256Init(&r.sum);
	SHA256Update(&r.sum, (const uint8_t *)bytes, len);
	ini_read(&s->ini, bytes, len, report);
	for (size_t i = 0; i < s->ini.count; i++)
		for (size_t k = 0; k < s->ini.at[i].count; k++)
			if (is_include(&s->ini.at[i], &s->ini.at[i].at[k]))
				report_add(
					report, s->ini.at[i].at[k].line,
					"include: this is not a file, so there is none beside it");
	finish_hash(&r);
}

void source_finish(struct source *s)
{
	ini_free(&s->ini);
	variables_finish(&s->variables);
}
