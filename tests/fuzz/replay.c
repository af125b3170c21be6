/* replay - feeds every file of a folder to the fuzzer's function, as an ordinary test. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

#include "fuzz.h"

#define FILE_MAX (1 << 20)

static int feed(const char *folder, const char *name)
{
	static uint8_t bytes[FILE_MAX];
	char path[1024];
	FILE *f;
	size_t n;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	f = fopen(path, "re");
	if (!f) {
		perror(path);
		return -1;
	}
	n = fread(bytes, 1, sizeof(bytes), f);
	fclose(f);
	LLVMFuzzerTestOneInput(bytes, n);
	return 0;
}

int main(int argc, char **argv)
{
	DIR *dir = argc == 2 ? opendir(argv[1]) : NULL;
	struct dirent *entry;
	int fed = 0;

	if (!dir) {
		fprintf(stderr, "expected a folder of files\n");
		return 1;
	}
	while ((entry = readdir(dir)))
		if (entry->d_name[0] != '.' && feed(argv[1], entry->d_name) == 0)
			fed++;
	closedir(dir);
	printf("%d files\n", fed);
	return fed == 0;
}
