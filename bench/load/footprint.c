#include <dirent.h>
#include <err.h>
#include <math.h>
#include <stdbool.h>
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

/* Of files and processes, not of connections. */
static bool is_foreign(const char *cache)
{
	static const char *const foreign[] = {
		"ext4",	     "jbd2",	    "xfs",	    "btrfs",	   "fuse",
		"overlay",   "ovl",	    "radix_tree",   "xarray",	   "buffer_head",
		"bio",	     "inode_cache", "proc_inode",   "shmem_inode", "kernfs",
		"vm_area",   "vma_lock",    "anon_vma",	    "maple",	   "task_struct",
		"mm_struct", "files_cache", "signal_cache", "sighand",	   "pid",
		"cred",	     "names_cache", "fs_cache",	    "lsm_file",
	};

	for (size_t i = 0; i < sizeof(foreign) / sizeof(*foreign); i++)
		if (!strncmp(cache, foreign[i], strlen(foreign[i])))
			return true;
	return false;
}

/* Objects in use: what an earlier run freed stays in its slabs for a while. */
static double slabs(void)
{
	char line[512], name[64];
	double objects, size, sum = 0;
	FILE *f = fopen("/proc/slabinfo", "re");

	if (!f)
		err(1, "/proc/slabinfo");
	while (fgets(line, sizeof(line), f))
		if (sscanf(line, "%63s %lf %*f %lf", name, &objects, &size) == 3 &&
		    !is_foreign(name))
			sum += objects * size;
	fclose(f);
	return sum;
}

/* Pages that sockets hold for their bytes, on all of the machine. */
static double socket_pages(void)
{
	char line[256];
	double pages = 0;
	FILE *f = fopen("/proc/net/sockstat", "re");

	if (!f)
		err(1, "/proc/net/sockstat");
	while (fgets(line, sizeof(line), f))
		sscanf(line, "TCP: inuse %*d orphan %*d tw %*d alloc %*d mem %lf", &pages);
	fclose(f);
	return pages * (double)sysconf(_SC_PAGESIZE);
}

struct footprint footprint_of(const int *pids, int n)
{
	struct footprint f = { .slabs = slabs(), .pages = socket_pages() };

	for (int i = 0; i < n; i++) {
		add_memory(&f, pids[i]);
		add_descriptors(&f, pids[i]);
	}
	return f;
}

/* Pages that the counter of socket_pages() may be off by, in bytes. */
static double page_error(void)
{
	double pages = 256; /* before Linux 6.7, which made it a sysctl */
	FILE *f = fopen("/proc/sys/net/core/mem_pcpu_rsv", "re");

	if (f) {
		if (fscanf(f, "%lf", &pages) != 1)
			errx(1, "net.core.mem_pcpu_rsv is no number");
		fclose(f);
	}
	return pages * (double)sysconf(_SC_PAGESIZE) * (double)sysconf(_SC_NPROCESSORS_ONLN);
}

double footprint_growth(const struct footprint *since, const struct footprint *now)
{
	double pages = now->pages - since->pages;

	return now->slabs - since->slabs + (fabs(pages) > page_error() ? pages : 0);
}
