// SPDX-License-Identifier: GPL-2.0-only
/* The drivers that devices had before bind, kept in /run until restore. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <sys/stat.h>

#include "memory.h"

static const char *path_of(const char *bdf)
{
	static char path[sizeof(MEMORY_DIR) + PCI_BDF_LEN + 1];

	snprintf(path, sizeof(path), MEMORY_DIR "/%s", bdf);
	return path;
}

int memory_keep(const struct pci_binding *b)
{
	int fd, ret = 0;

	if (mkdir(MEMORY_DIR, 0755) && errno != EEXIST)
		return -errno;
	fd = open(path_of(b->bdf), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	if (fd < 0)
		return -errno;
	if (dprintf(fd, "driver=%s\noverride=%s\n", b->driver, b->override) < 0)
		ret = -errno;
	if (close(fd) && !ret)
		ret = -errno;
	if (ret)
		memory_drop(b->bdf);
	return ret;
}

int memory_recall(const char *bdf, struct pci_binding *b)
{
	char line[PCI_NAME_LEN + 16];
	FILE *f = fopen(path_of(bdf), "re");

	if (!f)
		return -errno;
	*b = (struct pci_binding){ };
	snprintf(b->bdf, sizeof(b->bdf), "%s", bdf);
	while (fgets(line, sizeof(line), f)) {
		line[strcspn(line, "\n")] = '\0';
		if (!strncmp(line, "driver=", 7))
			snprintf(b->driver, sizeof(b->driver), "%s", line + 7);
		else if (!strncmp(line, "override=", 9))
			snprintf(b->override, sizeof(b->override), "%s", line + 9);
	}
	fclose(f);
	return 0;
}

void memory_drop(const char *bdf)
{
	unlink(path_of(bdf));
	/* Only the last one succeeds. */
	rmdir(MEMORY_DIR);
}

int memory_all(char bdfs[][PCI_BDF_LEN], int max)
{
	struct dirent *e;
	int count = 0;
	DIR *dir;

	dir = opendir(MEMORY_DIR);
	while (dir && count < max && (e = readdir(dir)))
		if (!pci_parse_bdf(e->d_name, bdfs[count]))
			count++;
	if (dir)
		closedir(dir);
	return count;
}
