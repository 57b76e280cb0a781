// SPDX-License-Identifier: GPL-2.0-only
/* What device drivers do: open, close, pin, unpin, read, write; and looks into debugfs. */
#include <errno.h>
#include <fcntl.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "failnth.h"

/* The end of a part and on, through all the next one to the first page of the third. */
#define ACROSS		(IOVA + PART - PAGE_4K)
#define ACROSS_PAGES	18
#define ACROSS_SIZE	(ACROSS_PAGES * PAGE_4K)

/**
 * struct access - what a driver does
 * @pages: how many; 0: from one part to another
 * @file: of a memory file, whose vaddr is invalid
 */
struct access {
	int pages;
	bool file;
};

static int pages_of(const struct op *op)
{
	const struct access *access = op->arg;

	return access && access->pages ? access->pages : ACROSS_PAGES;
}

static bool of_file(const struct op *op)
{
	const struct access *access = op->arg;

	return access && access->file;
}

static char *memory(struct world *w, const struct op *op)
{
	return of_file(op) ? w->file : w->mem;
}

static int setup_parts(struct world *w, const struct op *op)
{
	int ret = map_parts(w, memory(w, op));

	if (!ret && of_file(op))
		ret = iova_unmap_flags(w->container, 0, 0, UNMAP_VADDR | UNMAP_ALL, NULL);
	return ret;
}

static int act_pin(struct world *w, const struct op *op)
{
	int ret = emulated_pin(w->device, ACROSS, pages_of(op), 3, NULL);

	return ret == pages_of(op) || ret < 0 ? ret : -EPROTO;
}

static int act_unpin(struct world *w, const struct op *op)
{
	return emulated_unpin(w->device, ACROSS, pages_of(op));
}

static int setup_pinned(struct world *w, const struct op *op)
{
	int ret = setup_parts(w, op);

	if (!ret)
		ret = act_pin(w, op);
	return ret < 0 ? ret : 0;
}

static char data[ACROSS_SIZE];

static int ready_read(struct world *w, const struct op *op)
{
	(void)w;
	(void)op;
	memset(data, 0, sizeof(data));
	return 0;
}

static int act_read(struct world *w, const struct op *op)
{
	return emulated_read(w->device, ACROSS, data, pages_of(op) * PAGE_4K);
}

static int ready_write(struct world *w, const struct op *op)
{
	static u64 seed;

	(void)w;
	(void)op;
	mem_fill(data, sizeof(data), ++seed);
	return 0;
}

static int act_write(struct world *w, const struct op *op)
{
	return emulated_write(w->device, ACROSS, data, pages_of(op) * PAGE_4K);
}

static bool check_data(struct world *w, const struct op *op)
{
	return !memcmp(data, memory(w, op) + PART - PAGE_4K, pages_of(op) * PAGE_4K);
}

static int setup_closed(struct world *w, const struct op *op)
{
	close(w->device);
	w->device = -1;
	return setup_parts(w, op);
}

static int act_open(struct world *w, const struct op *op)
{
	int fd = emulated_open(w->egroup[0], 0);

	(void)op;
	if (fd < 0)
		return fd;
	w->device = fd;
	return 0;
}

static int act_close(struct world *w, const struct op *op)
{
	int ret = close(w->device) ? -errno : 0;

	(void)op;
	w->device = -1;
	return ret;
}

static int reopen(struct world *w, const struct op *op)
{
	int ret = act_open(w, op);

	if (!ret)
		ret = act_pin(w, op);
	return ret < 0 ? ret : 0;
}

static int undo_pin(struct world *w, const struct op *op)
{
	return act_unpin(w, op);
}

static int undo_unpin(struct world *w, const struct op *op)
{
	int ret = act_pin(w, op);

	return ret < 0 ? ret : 0;
}

#define ACCESS(...)	.arg = &(const struct access){ __VA_ARGS__ }
#define PIN_OP(what, with, ...)						\
	{ .name = "pin: " what, .needs = with, ACCESS(__VA_ARGS__), .setup = setup_parts, \
	  .act = act_pin, .undo = undo_pin, .late = true }
#define UNPIN_OP(what, with, ...)					\
	{ .name = "unpin: " what, .needs = with, ACCESS(__VA_ARGS__), .setup = setup_pinned, \
	  .act = act_unpin, .undo = undo_unpin, .late = true }
#define READ_OP(what, with, ...)					\
	{ .name = "read: " what, .needs = with, ACCESS(__VA_ARGS__), .setup = setup_parts, \
	  .ready = ready_read, .act = act_read, .check = check_data }
#define WRITE_OP(what, with, ...)					\
	{ .name = "write: " what, .needs = with, ACCESS(__VA_ARGS__), .setup = setup_parts, \
	  .ready = ready_write, .act = act_write, .check = check_data }

const struct op device_ops[] = {
	{ .name = "device: open", .needs = NEED_EMULATED, .setup = setup_closed, .act = act_open,
	  .undo = act_close },
	{ .name = "device: close, with pins", .needs = NEED_EMULATED, .setup = setup_pinned,
	  .act = act_close, .undo = reopen },
	{ .name = "device: close, with pins and an IOMMU", .needs = NEED_EMULATED | NEED_IOMMU,
	  .setup = setup_pinned, .act = act_close, .undo = reopen },
	{}
};

const struct op access_ops[] = {
	PIN_OP("a page", NEED_EMULATED, .pages = 1),
	PIN_OP("pages of three ranges", NEED_EMULATED),
	PIN_OP("pages of three ranges, with an IOMMU", NEED_EMULATED | NEED_IOMMU),
	PIN_OP("a page without a vaddr, of a file", NEED_EMULATED, .pages = 1, .file = true),
	PIN_OP("pages without a vaddr, of the IOMMU", NEED_EMULATED | NEED_IOMMU, .file = true),
	UNPIN_OP("a page", NEED_EMULATED, .pages = 1),
	UNPIN_OP("pages of three ranges", NEED_EMULATED),
	UNPIN_OP("pages of three ranges, with an IOMMU", NEED_EMULATED | NEED_IOMMU),
	READ_OP("a page", NEED_EMULATED, .pages = 1),
	READ_OP("three ranges", NEED_EMULATED),
	READ_OP("without a vaddr, of a file", NEED_EMULATED, .file = true),
	READ_OP("without a vaddr, of the IOMMU", NEED_EMULATED | NEED_IOMMU, .file = true),
	WRITE_OP("a page", NEED_EMULATED, .pages = 1),
	WRITE_OP("three ranges", NEED_EMULATED),
	WRITE_OP("without a vaddr, of a file", NEED_EMULATED, .file = true),
	WRITE_OP("without a vaddr, of the IOMMU", NEED_EMULATED | NEED_IOMMU, .file = true),
	{}
};

static char view[4096];
static char view_path[320];

static int setup_view(struct world *w, const struct op *op)
{
	const char *root = "/sys/kernel/debug/vfio_iommu_type1p";
	DIR *dir = opendir(root);
	struct dirent *entry;
	int ret = -ENOENT;

	while (dir && (entry = readdir(dir))) {
		if (entry->d_name[0] == '.')
			continue;
		snprintf(view_path, sizeof(view_path), "%s/%s/%s", root, entry->d_name,
			 (const char *)op->arg);
		ret = 0;
	}
	if (dir)
		closedir(dir);
	return ret ? ret : map_parts(w, w->mem);
}

static int act_view(struct world *w, const struct op *op)
{
	int fd = open(view_path, O_RDONLY | O_CLOEXEC), err;
	ssize_t len;

	(void)w;
	(void)op;
	if (fd < 0)
		return -errno;
	memset(view, 0, sizeof(view));
	len = read(fd, view, sizeof(view) - 1);
	err = errno;
	close(fd);
	return len < 0 ? -err : (int)len;
}

#define VIEW_OP(file, what)						\
	{ .name = what, .needs = NEED_IOMMU | NEED_EMULATED, .arg = file, .setup = setup_view, \
	  .act = act_view }

const struct op view_ops[] = {
	VIEW_OP("state", "view: state"),
	VIEW_OP("groups", "view: groups"),
	VIEW_OP("ranges", "view: ranges"),
	VIEW_OP("jobs", "view: jobs"),
	{}
};
