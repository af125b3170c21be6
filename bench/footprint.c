#include <dirent.h>
#include <err.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "footprint.h"

static void add_memory(struct footprint *f, int pid)
{
	char path[64], line[256];
	double kb;
	FILE *maps;

	snprintf(path, sizeof(path), "/proc/%d/smaps_rollup", pid);
	maps = fopen(path, "re");
	if (!maps)
		err(1, "%s", path);
	while (fgets(line, sizeof(line), maps)) {
		if (sscanf(line, "Rss: %lf", &kb) == 1)
			f->rss += kb * 1024;
		else if (sscanf(line, "Pss_Anon: %lf", &kb) == 1 ||
			 sscanf(line, "Pss_Shmem: %lf", &kb) == 1)
			f->user += kb * 1024;
	}
	fclose(maps);
}

static void add_descriptors(struct footprint *f, int pid)
{
	char path[64], target[64];
	struct dirent *entry;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/fd", pid);
	dir = opendir(path);
	if (!dir)
		err(1, "%s", path);
	while ((entry = readdir(dir))) {
		ssize_t n = readlinkat(dirfd(dir), entry->d_name, target, sizeof(target));

		if (n < 0)
			continue; /* . and .., or closed meanwhile */
		f->fds++;
		if (n > 5 && !memcmp(target, "pipe:", 5))
			f->pipe_ends++;
	}
	closedir(dir);
}

struct footprint footprint_of(const int *pids, int n)
{
	struct footprint f = { .rss = 0 };

	for (int i = 0; i < n; i++) {
		add_memory(&f, pids[i]);
		add_descriptors(&f, pids[i]);
	}
	return f;
}
