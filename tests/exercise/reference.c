// SPDX-License-Identifier: GPL-2.0-only
/* What the kernel's own driver reads from a disk, before us and after us. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "../lib/interrupt.h"
#include "../lib/inuse.h"
#include "../lib/progress.h"
#include "reference.h"
#include "report.h"

#define CHUNK	(256 * PAGE_4K)

static u32 read_nsid(const char *disk)
{
	char path[64];
	u32 nsid = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/sys/class/block/%s/nsid", disk);
	f = fopen(path, "re");
	if (f) {
		if (fscanf(f, "%u", &nsid) != 1)
			nsid = 0;
		fclose(f);
	}
	return nsid;
}

static int open_disk(const char *name)
{
	char path[DISK_NAME_LEN + 8];

	snprintf(path, sizeof(path), "/dev/%s", name);
	/* Direct: what the disk holds, not what the page cache remembers. */
	return open(path, O_RDONLY | O_DIRECT | O_CLOEXEC);
}

/* Returns how many bytes it could read. */
static u64 read_by_kernel(int fd, u8 *to, u64 size)
{
	u64 done = 0;
	ssize_t got;

	progress_begin("reading the disk by the kernel's driver", size);
	while (done < size && !interrupted()) {
		got = read(fd, to + done, size - done < CHUNK ? size - done : CHUNK);
		if (got <= 0)
			break;
		done += got;
		progress_add(got);
	}
	progress_end();
	return done;
}

void reference_read(struct reference *ref, const char *bdf, u64 size)
{
	char name[DISK_NAME_LEN];
	int fd;

	if (device_disk(bdf, 0, name))
		return;
	fd = open_disk(name);
	if (fd < 0)
		return;
	if (size > REFERENCE_MAX)
		size = REFERENCE_MAX;
	ref->nsid = read_nsid(name);
	ref->data = mem_alloc(size, MEM_4K);
	if (ref->data) {
		ref->allocated = size;
		ref->size = read_by_kernel(fd, ref->data, size);
	}
	close(fd);
}

void reference_free(struct reference *ref)
{
	mem_free(ref->data, ref->allocated, MEM_4K);
	*ref = (struct reference){};
}

/* The kernel looks for the disks of a controller in its own time. */
static int wait_for_disk(const char *bdf)
{
	const struct timespec nap = { .tv_nsec = 10000000 };
	char name[DISK_NAME_LEN];
	int i, fd = -1;

	for (i = 0; i < 1000 && fd < 0; i++) {
		if (!device_disk(bdf, 0, name))
			fd = open_disk(name);
		if (fd < 0)
			nanosleep(&nap, NULL);
	}
	return fd;
}

static void compare(struct check *c, const struct reference *ref, int fd, u8 *now)
{
	const u64 got = read_by_kernel(fd, now, ref->size);

	if (interrupted())
		return;
	if (got != ref->size)
		check_end(c, false, "the kernel's driver reads %llu bytes of %llu", got, ref->size);
	else if (memcmp(now, ref->data, got))
		check_end(c, false, "the kernel's driver reads OTHER DATA than before");
	else
		check_end(c, true, "the kernel's driver has it, and reads the same as before");
}

void reference_check(const struct reference *ref, struct report *r, const char *bdf)
{
	struct check c = check_begin(r, bdf, "given back");
	u8 *now;
	int fd;

	if (!ref->size)
		return;
	fd = wait_for_disk(bdf);
	if (fd < 0) {
		check_end(&c, false, "the kernel's driver DOES NOT SHOW the disk again");
		return;
	}
	now = mem_alloc(ref->allocated, MEM_4K);
	if (now)
		compare(&c, ref, fd, now);
	mem_free(now, ref->allocated, MEM_4K);
	close(fd);
}
